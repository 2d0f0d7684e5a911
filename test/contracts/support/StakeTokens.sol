// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A plain token to stake.
contract PlainToken is ERC20 {
    constructor() ERC20("Stake", "STK") {} // solhint-disable-line no-empty-blocks

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice Burns one unit of each transfer.
contract FeeToken is PlainToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @notice Calls its recipient or sender back in the middle of a transfer, as ERC-777 does.
contract CallbackToken is PlainToken {
    address public target;
    bytes public payload;
    bool public succeeded;
    bool public called;

    function arm(address to, bytes calldata data) external {
        (target, payload) = (to, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        address callee = target;
        if (callee == address(0)) return;
        target = address(0);
        called = true;
        (succeeded, ) = callee.call(payload);
    }
}

/// @notice An operator that is a contract: it stakes, leaves, and tries to leave twice from within a transfer.
contract ContractStaker {
    function run(address to, bytes calldata data) external returns (bytes memory result) {
        bool ok;
        (ok, result) = to.call(data);
        if (!ok) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
    }
}
