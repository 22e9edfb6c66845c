// SPDX-License-Identifier: Apache-2.0
#include "broker/message_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "bus/message_builder.h"

namespace buzon::broker {
namespace {

class MessageStreamTest : public testing::Test {
protected:
    explicit MessageStreamTest(std::array<int, 2> ends = make_ends())
        : ours_(bus::FileDescriptor(ends[0])), theirs_(bus::FileDescriptor(ends[1])) {}

    static std::array<int, 2> make_ends() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) std::abort();
        return ends;
    }
    void send_with_descriptors(std::size_t count) {
        std::vector<bus::FileDescriptor> descriptors;
        for (std::size_t i = 0; i < count; ++i)
            descriptors.emplace_back(::dup(ours_.fd()));
        builder_.start_body();
        auto message = builder_.build({.type = bus::MessageType::MethodReturn,
                                       .reply_serial = 1,
                                       .unix_fds = static_cast<std::uint32_t>(count)});
        message.descriptors = bus::make_ref<const bus::DescriptorSet>(std::move(descriptors));
        ASSERT_TRUE(ours_.send(message, MessageStream::Waiting::Never));
    }

    /// 0: there is none.
    static ino_t file_of(int fd) {
        struct stat status {};
        return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
    }
    static std::vector<ino_t> files_of(const bus::Message& message) {
        std::vector<ino_t> files;
        for (const bus::FileDescriptor& descriptor : message.descriptors()->descriptors)
            files.push_back(file_of(descriptor.get()));
        return files;
    }

    MessageStream ours_, theirs_;
    bus::MessageBuilder builder_;
};

TEST_F(MessageStreamTest, CarriesAllDescriptorsThatMayBeSent) {
    for (const std::size_t count :
         {std::size_t{1}, std::size_t{17}, std::size_t{32}, MessageStream::kMaxDescriptors}) {
        SCOPED_TRACE(count);
        send_with_descriptors(count);
        const auto message = theirs_.wait();
        ASSERT_TRUE(message);
        EXPECT_EQ(files_of(*message), std::vector<ino_t>(count, file_of(ours_.fd())));
    }
}

TEST_F(MessageStreamTest, KeepsTheDescriptorsOfMessagesThatComeAtOnceApart) {
    const std::size_t most = MessageStream::kMaxDescriptors;
    for (const std::size_t count : {most, std::size_t{2}, most})
        send_with_descriptors(count);
    for (const std::size_t count : {most, std::size_t{2}, most}) {
        const auto message = theirs_.wait();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->descriptors()->descriptors.size(), count);
    }
}

}  // namespace
}  // namespace buzon::broker
