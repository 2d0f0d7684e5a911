// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Meter, Price } from "../../../contracts/src/types/LeaseRecord.sol";
import { AnyLease } from "./AnyLease.sol";

/// @notice What a lease owes, on the escrow's own bytecode.
contract LeaseCheck is AnyLease {
    /// @dev At any moment, for anything that fits the storage.
    function check_dueIsAtMostDeposited(Price memory price, Meter memory meter, uint256 moment) external {
        _put(price, meter);
        assert(escrow.due(LEASE, moment) <= price.deposited);
    }
}
