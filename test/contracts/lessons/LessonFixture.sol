// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice The contracts as they are deployed, beside naive ones that the tenant pays into as well.
abstract contract LessonFixture is Fixture {
    function payIn(NaiveBalances naive, uint256 amount) internal {
        vm.startPrank(tenant);
        usdc.approve(address(naive), amount);
        naive.deposit(amount);
        vm.stopPrank();
    }
}
