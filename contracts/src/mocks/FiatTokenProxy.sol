// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title FiatTokenProxy
/// @notice Stands in for the proxy in front of Circle's token on local chains and in tests, so that a transfer costs
/// here what it costs there: each call reads the admin and the implementation from cold slots, then delegates.
contract FiatTokenProxy {
    /// @notice The admin manages the proxy and cannot call the token through it.
    error FiatTokenProxy_CallerIsAdmin();

    error FiatTokenProxy_InitializationFailed(bytes reason);

    /// @dev ERC-1967 slots.
    bytes32 private constant _IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 private constant _ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    /// @param initialization Call made on the implementation in the proxy's storage, or empty.
    constructor(address implementation, address admin, bytes memory initialization) {
        bytes32 implementationSlot = _IMPLEMENTATION_SLOT;
        bytes32 adminSlot = _ADMIN_SLOT;
        assembly {
            sstore(implementationSlot, implementation)
            sstore(adminSlot, admin)
        }
        if (initialization.length == 0) return;
        (bool ok, bytes memory reason) = implementation.delegatecall(initialization);
        if (!ok) revert FiatTokenProxy_InitializationFailed(reason);
    }

    fallback() external payable {
        bytes32 implementationSlot = _IMPLEMENTATION_SLOT;
        bytes32 adminSlot = _ADMIN_SLOT;
        address admin;
        assembly {
            admin := sload(adminSlot)
        }
        if (msg.sender == admin) revert FiatTokenProxy_CallerIsAdmin();
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(implementationSlot), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
