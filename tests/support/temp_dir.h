// SPDX-License-Identifier: Apache-2.0
// A directory of its own for one test, with a path short enough for sockets; removed at the end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace buzon::testing_support {

class TempDir {
public:
    TempDir() { EXPECT_TRUE(::mkdtemp(path_.data())); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(file(name)) << text;
    }
    /// The whole text of a file; "(missing)" if there is none.
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream stream(file(name));
        if (!stream) return "(missing)";
        return {std::istreambuf_iterator<char>(stream), {}};
    }

private:
    std::string path_ = "/tmp/buzon-test-XXXXXX";
};

}  // namespace buzon::testing_support
