// SPDX-License-Identifier: Apache-2.0
// Whether and how a verb writes JSON, as --json says: apart from what writes it, since all verbs
// have options and few need a JSON library.
#pragma once

namespace buzon::clients {

enum class JsonMode { Off, Short, Pretty };

}  // namespace buzon::clients
