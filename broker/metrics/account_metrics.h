// SPDX-License-Identifier: Apache-2.0
// What accounts hold, as metrics: the whole bus against its limits, and the largest users and
// programs. One family for each resource and kind of account.
#pragma once

#include "broker/metrics/largest_accounts.h"
#include "broker/metrics/openmetrics_writer.h"
#include "broker/quota/account.h"

namespace buzon::broker {

void write_bus_account(OpenMetricsWriter& out, const Account& bus);
void write_largest_accounts(OpenMetricsWriter& out, const LargestAccounts& largest);

}  // namespace buzon::broker
