// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice What an operator has earned is paid to the second, so whoever is down settles before anybody can take it back.
contract NaiveOutage is NaiveBalances {
    uint256 public immutable PRICE_PER_HOUR;
    uint256 public billedUntil = block.timestamp;

    constructor(IERC20 usdc, uint256 pricePerHour) NaiveBalances(usdc) {
        PRICE_PER_HOUR = pricePerHour;
    }

    function settle(address tenant, address operator) external {
        _charge(tenant, operator, (PRICE_PER_HOUR * (block.timestamp - billedUntil)) / 3600);
        billedUntil = block.timestamp;
    }

    /// @return given Seconds taken off the bill, out of those not settled yet.
    function credit(uint256 duration) external returns (uint256 given) {
        uint256 unsettled = block.timestamp - billedUntil;
        given = duration < unsettled ? duration : unsettled;
        billedUntil += given;
    }
}

/// @notice The relay of a lease is written down at the start and paid to the end, dead or alive.
contract NaiveRelay is NaiveBalances {
    address public immutable RELAY;

    constructor(IERC20 usdc, address relay) NaiveBalances(usdc) {
        RELAY = relay;
    }

    function settle(address tenant, address operator, uint256 amount) external {
        _charge(tenant, RELAY, amount / 5);
        _charge(tenant, operator, amount - amount / 5);
    }
}

/// @notice A machine is compared with what the node registered, not with what is left of it.
contract NaiveCapacity {
    uint256 public immutable MEMORY_MIB;
    uint256 public inUse;

    constructor(uint256 memoryMiB) {
        MEMORY_MIB = memoryMiB;
    }

    function open(uint256 memoryMiB) external {
        require(memoryMiB <= MEMORY_MIB, "full");
        inUse += memoryMiB;
    }
}

/// @notice The author is paid when the order is placed.
contract NaiveTemplateFee is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function open(address author, uint256 fee) external {
        balanceOf[msg.sender] -= fee;
        USDC.transfer(author, fee);
    }

    function cancel() external {
        uint256 amount = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, amount);
    }
}
