// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice The charge and the note that it was made are two calls: a crash between them is a second charge.
contract NaiveReceipts is NaiveBalances {
    mapping(bytes32 row => bool) public isSettled;

    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function charge(bytes32 row, address tenant, address operator, uint256 amount) external {
        require(!isSettled[row], "settled");
        _charge(tenant, operator, amount);
    }

    function markSettled(bytes32 row) external {
        isSettled[row] = true;
    }
}

/// @notice Each settlement is rounded up on its own, and anyone may settle each second.
contract NaiveCeiling is NaiveBalances {
    uint256 public immutable PRICE_PER_HOUR;
    uint256 public billedUntil = block.timestamp;

    constructor(IERC20 usdc, uint256 pricePerHour) NaiveBalances(usdc) {
        PRICE_PER_HOUR = pricePerHour;
    }

    function settle(address tenant, address operator) external {
        uint256 cost = (PRICE_PER_HOUR * (block.timestamp - billedUntil) + 3599) / 3600;
        billedUntil = block.timestamp;
        _charge(tenant, operator, cost);
    }
}

/// @notice One file keeps prices in dollars × 10^6 and divides; the caller divides again.
contract NaiveUnits {
    uint256 public constant DISK_PRICE = 100;

    function pricePerHour(uint256 diskGiB) external pure returns (uint256) {
        return _inDollars(diskGiB * DISK_PRICE) / 1e6;
    }

    function _inDollars(uint256 amount) private pure returns (uint256) {
        return amount / 1e6;
    }
}

/// @notice Where the balance is short the row is skipped and marked settled all the same.
contract NaiveSkip is NaiveBalances {
    mapping(bytes32 row => bool) public isSettled;

    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function settle(bytes32 row, address tenant, address operator, uint256 amount) external {
        isSettled[row] = true;
        if (balanceOf[tenant] < amount) return;
        _charge(tenant, operator, amount);
    }
}

/// @notice The price is read when it is billed, not when it is agreed.
contract NaivePrice is NaiveBalances {
    address public immutable OPERATOR;
    uint256 public pricePerHour;
    uint256 public billedUntil = block.timestamp;

    constructor(IERC20 usdc, address operator, uint256 price) NaiveBalances(usdc) {
        (OPERATOR, pricePerHour) = (operator, price);
    }

    function setPrice(uint256 price) external {
        require(msg.sender == OPERATOR, "operator only");
        pricePerHour = price;
    }

    function settle(address tenant) external {
        uint256 cost = (pricePerHour * (block.timestamp - billedUntil)) / 3600;
        billedUntil = block.timestamp;
        _charge(tenant, OPERATOR, cost);
    }
}

/// @notice The meter stops where the money ends and goes on from there when there is money again: the time between, in
/// which the machine stood still, is billed.
contract NaiveGap is NaiveBalances {
    uint256 public immutable PRICE_PER_HOUR;
    uint256 public billedUntil = block.timestamp;

    constructor(IERC20 usdc, uint256 pricePerHour) NaiveBalances(usdc) {
        PRICE_PER_HOUR = pricePerHour;
    }

    function settle(address tenant, address operator) external {
        uint256 cost = (PRICE_PER_HOUR * (block.timestamp - billedUntil)) / 3600;
        uint256 paid = cost < balanceOf[tenant] ? cost : balanceOf[tenant];
        billedUntil += (paid * 3600) / PRICE_PER_HOUR;
        _charge(tenant, operator, paid);
    }
}

/// @notice The exit pays back what nobody has settled yet, however long the machine ran.
contract NaiveLazySettlement is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function close() external {
        uint256 amount = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, amount);
    }
}

/// @notice Both cuts are taken from the gross, each rounded down: 5 % and 10 % step at the same amounts.
contract NaiveCuts {
    uint256 public earned;
    uint256 public withdrawn;

    function settle(uint256 cumulative) external {
        earned = cumulative - (cumulative * 500) / 10_000 - (cumulative * 1000) / 10_000;
    }

    function withdraw() external {
        withdrawn = earned;
    }

    function withdrawable() external view returns (uint256) {
        return earned - withdrawn;
    }
}

/// @notice The meter starts when the order is placed.
contract NaiveStart {
    uint256 public immutable PRICE_PER_HOUR;
    uint256 public immutable STARTED_AT = block.timestamp;

    constructor(uint256 pricePerHour) {
        PRICE_PER_HOUR = pricePerHour;
    }

    function due() external view returns (uint256) {
        return (PRICE_PER_HOUR * (block.timestamp - STARTED_AT)) / 3600;
    }
}

/// @notice The exit takes a minimum that nobody compared with what was paid in.
contract NaiveMinimum is NaiveBalances {
    uint256 public immutable MINIMUM;

    constructor(IERC20 usdc, uint256 minimum) NaiveBalances(usdc) {
        MINIMUM = minimum;
    }

    function close(address operator) external {
        _charge(msg.sender, operator, MINIMUM);
        uint256 amount = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, amount);
    }
}
