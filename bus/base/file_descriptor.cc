// SPDX-License-Identifier: Apache-2.0
#include "bus/base/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

namespace buzon::bus {

void FileDescriptor::reset(int fd) {
    // close() is not tried again after EINTR: Linux has freed the number by then.
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

FileDescriptor FileDescriptor::duplicate() const {
    return FileDescriptor(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
}

}  // namespace buzon::bus
