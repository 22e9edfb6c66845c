// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/name_watcher.h"

#include <gtest/gtest.h>

#include "tests/load/messages.h"

namespace buzon::flood {
namespace {

load::Bytes list_of(const std::vector<std::string>& names) {
    return load::make_message({.type = bus::MessageType::MethodReturn,
                               .reply_serial = 1,
                               .sender = bus::kDriverName,
                               .signature = "as"},
                              [&](bus::WireWriter& body) {
                                  const auto array = body.begin_array('s');
                                  for (const auto& name : names)
                                      body.write_string(name);
                                  body.end_array(array);
                              });
}

load::Bytes change_of(std::string_view name, std::string_view old, std::string_view now) {
    return load::make_message({.type = bus::MessageType::Signal,
                               .path = bus::kDriverPath,
                               .interface = bus::kDriverName,
                               .member = "NameOwnerChanged",
                               .sender = bus::kDriverName,
                               .signature = "sss"},
                              [&](bus::WireWriter& body) {
                                  for (const auto text : {name, old, now})
                                      body.write_string(text);
                              });
}

class Names : public testing::Test {
protected:
    Names() { seen_.begin(list_of({"a.b", "c.d"})); }
    void change(std::string_view name, std::string_view old, std::string_view now) {
        seen_.change(change_of(name, old, now));
    }

    NamesSeen seen_;
};

TEST_F(Names, AreWhatTheSignalsSay) {
    change("e.f", "", ":1.1");
    change("a.b", ":1.2", "");
    change("c.d", ":1.1", ":1.2");
    EXPECT_EQ(seen_.differences(list_of({"c.d", "e.f"})), 0U);
}

TEST_F(Names, DifferByThoseOfWhomNothingWasTold) {
    EXPECT_EQ(seen_.differences(list_of({"a.b"})), 1U);
    EXPECT_EQ(seen_.differences(list_of({"a.b", "c.d", "e.f"})), 1U);
    EXPECT_EQ(seen_.differences(list_of({"x.y"})), 3U);
}

TEST_F(Names, DifferIfASignalTellsWhatIsSoAlready) {
    change("a.b", "", ":1.1");
    change("e.f", ":1.1", "");
    EXPECT_EQ(seen_.differences(list_of({"a.b", "c.d"})), 2U);
}

}  // namespace
}  // namespace buzon::flood
