// SPDX-License-Identifier: Apache-2.0
// Frees the blocks of long messages and queues over several turns of the loop, none of which
// sleeps.
// Lifetime: dies after all who may hold blocks of the pool, and before the pool.
#pragma once

#include "bus/base/block_pool.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

class BlockReaper final : private bus::LoopTask {
public:
    BlockReaper(bus::EventLoop& loop, bus::BlockPool& pool) : loop_(loop), pool_(pool) {
        pool_.free_in_parts([this] { come_back(); });
    }
    BlockReaper(const BlockReaper&) = delete;
    BlockReaper& operator=(const BlockReaper&) = delete;
    BlockReaper(BlockReaper&&) = delete;
    BlockReaper& operator=(BlockReaper&&) = delete;
    ~BlockReaper() { pool_.free_in_parts(nullptr); }

private:
    void run_task() override {
        if (pool_.free_some()) come_back();
    }
    void come_back() {
        if (!is_linked()) loop_.in_next_turn(*this);
    }

    bus::EventLoop& loop_;
    bus::BlockPool& pool_;
};

}  // namespace buzon::broker
