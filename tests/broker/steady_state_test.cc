// SPDX-License-Identifier: Apache-2.0
// What is done for every message allocates nothing, once it has been done before.
// Counts the calls of operator new in this whole executable.
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "broker/match_index.h"
#include "broker/name_registry.h"
#include "broker/reply_tracker.h"
#include "tests/broker/match_fixtures.h"

namespace {
std::size_t allocation_count = 0;
}  // namespace

void* operator new(std::size_t size) {
    ++allocation_count;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace buzon::broker {
namespace {

constexpr bus::HashSeed kSeed{29, 31};

template <typename Action>
std::size_t allocations_of(Action&& action) {
    const std::size_t before = allocation_count;
    action();
    return allocation_count - before;
}

TEST(SteadyState, CountsAllocations) {
    EXPECT_EQ(allocations_of([] { std::vector<int>(10, 1); }), 1U);
}

TEST(SteadyState, FindingReceivers) {
    MatchIndex index(kSeed);
    for (const std::string_view text :
         {"type=signal,interface=a.b,arg0=x", "path_namespace=/a", "sender=x.A", "arg1path=/",
          "arg0namespace=x", "arg1path=/a/b/c", "eavesdrop=true,destination=x.A"}) {
        index.add(PeerId{index.size()}, *parse_match_rule(text));
    }
    const GivenNames names({"x.A", "x.B"});
    Arguments arguments({TextArgument{TextArgument::Kind::String, "x"},
                         TextArgument{TextArgument::Kind::String, "/a/"}});
    MatchSubject subject;
    subject.type = 4;
    subject.interface = "a.b";
    subject.member = "M";
    subject.path = "/a/b";
    subject.sender = ":1.1";
    subject.sender_names = &names;
    subject.arguments = &arguments;
    std::vector<PeerId> receivers;
    index.find(subject, receivers);
    ASSERT_EQ(receivers.size(), 6U);
    EXPECT_EQ(allocations_of([&] {
                  receivers.clear();
                  index.find(subject, receivers);
              }),
              0U);
}

TEST(SteadyState, CallsAndReplies) {
    ReplyTracker replies(kSeed);
    const auto call_all = [&] {
        for (std::uint32_t serial = 1; serial <= 100; ++serial) {
            ASSERT_TRUE(replies.expect({PeerId{serial % 7}, PeerId{9}, serial}, {}));
        }
        for (std::uint32_t serial = 1; serial <= 100; ++serial) {
            ASSERT_TRUE(replies.take({PeerId{serial % 7}, PeerId{9}, serial}));
        }
    };
    call_all();
    EXPECT_EQ(allocations_of(call_all), 0U);
}

TEST(SteadyState, LookingUpNames) {
    NameRegistry names(kSeed);
    const std::string name = "org.example.a.name.that.is.longer.than.a.short.string";
    names.request(PeerId{1}, name, 0);
    EXPECT_EQ(allocations_of([&] {
                  EXPECT_EQ(names.owner_of(name), PeerId{1});
                  EXPECT_TRUE(names.holds(PeerId{1}, name));
                  EXPECT_TRUE(names.holds_below(PeerId{1}, "org.example"));
                  EXPECT_EQ(names.owned_by(PeerId{1}).size(), 1U);
              }),
              0U);
}

}  // namespace
}  // namespace buzon::broker
