// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Billing as it was written elsewhere: a server key that debits balances, amounts that the caller brings, payouts
/// pushed in a batch, and shares both cut from the gross. Each test takes one of its mistakes. Never deployed but by tests.
contract NaiveBilling {
    IERC20 public immutable USDC;
    address public immutable SERVER;

    mapping(address account => uint256) public balanceOf;
    mapping(address operator => uint256) public owed;
    uint256 public pricePerHour;
    uint256 public startedAt;
    uint256 public billedUntil;
    bool public settledFlag;

    constructor(IERC20 usdc, address server, uint256 price) {
        (USDC, SERVER, pricePerHour) = (usdc, server, price);
        startedAt = billedUntil = block.timestamp;
    }

    function deposit(uint256 amount) external {
        USDC.transferFrom(msg.sender, address(this), amount);
        balanceOf[msg.sender] += amount;
    }

    /// @dev The mistake: one key moves anybody's money anywhere.
    function debit(address from, address to, uint256 amount) external {
        require(msg.sender == SERVER, "server only");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }

    /// @dev The mistake: an amount, not a state. A retry after a crash charges again.
    function settleUsage(address tenant, address operator, uint256 amount) external {
        _charge(tenant, operator, amount);
    }

    /// @dev The mistake: every settlement rounds up, anyone may settle each second.
    function settleElapsed(address tenant, address operator) external {
        uint256 cost = (pricePerHour * (block.timestamp - billedUntil) + 3599) / 3600;
        billedUntil = block.timestamp;
        _charge(tenant, operator, cost);
    }

    /// @dev The mistake: short of money, the row is marked settled and nobody is paid.
    function settleOrSkip(address tenant, address operator, uint256 amount) external {
        settledFlag = true;
        if (balanceOf[tenant] < amount) return;
        _charge(tenant, operator, amount);
    }

    /// @dev The mistake: the price is read when it is billed.
    function setPrice(uint256 price) external {
        pricePerHour = price;
    }

    /// @dev The mistake: the payout is pushed within the exit, a payee who cannot receive holds the tenant.
    function close(address tenant, address operator) external {
        uint256 paid = owed[operator];
        uint256 refund = balanceOf[tenant];
        owed[operator] = balanceOf[tenant] = 0;
        USDC.transfer(operator, paid);
        USDC.transfer(tenant, refund);
    }

    function _charge(address tenant, address operator, uint256 amount) private {
        balanceOf[tenant] -= amount;
        owed[operator] += amount;
    }
}
