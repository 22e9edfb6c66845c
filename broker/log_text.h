// SPDX-License-Identifier: Apache-2.0
// A text about peers in which the names of their programs may be missing still.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/process_name.h"
#include "bus/base/ref.h"
#include "bus/peer_credentials.h"

namespace buzon::broker {

class LogText {
public:
    LogText& add(std::string_view text);
    LogText& add(LogText text);
    /// `uid=0 pid=12 comm="mail" label="..."`. `name` may be null: it is left out then.
    LogText& add(const bus::PeerCredentials& credentials, const bus::Ref<ProcessName>& name);

    /// Without the names that are not known.
    [[nodiscard]] std::string known() const;
    /// With `comm=?` for those.
    [[nodiscard]] std::string whole() const;
    /// Nothing will be found out any more.
    [[nodiscard]] bool is_settled() const;
    /// Asks for the names that nobody has asked for yet.
    void look_up(ProcessNameSource* source) const;

private:
    struct Piece {
        std::string text;
        bus::Ref<ProcessName> name;  // behind the text; perhaps null
    };
    enum class Missing : std::uint8_t { LeftOut, Marked };
    [[nodiscard]] std::string join(Missing missing) const;
    std::string& end();

    std::vector<Piece> pieces_;
};

}  // namespace buzon::broker
