// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice What most of the naive contracts share: money paid in beforehand, and a second table of what operators have
/// coming. Never deployed but by tests.
abstract contract NaiveBalances {
    IERC20 public immutable USDC;

    mapping(address account => uint256) public balanceOf;
    mapping(address operator => uint256) public owed;

    constructor(IERC20 usdc) {
        USDC = usdc;
    }

    function deposit(uint256 amount) external {
        USDC.transferFrom(msg.sender, address(this), amount);
        balanceOf[msg.sender] += amount;
    }

    function _charge(address tenant, address operator, uint256 amount) internal {
        balanceOf[tenant] -= amount;
        owed[operator] += amount;
    }
}
