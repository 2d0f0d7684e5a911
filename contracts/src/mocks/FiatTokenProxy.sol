// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title FiatTokenProxy
/// @notice Stands in for the proxy in front of Circle's token on local chains and in tests: each call reads the
/// implementation from a cold slot and delegates. Circle's own reads its admin too, about 2,200 gas more a call; it is
/// left out here as in the figures that the gas targets come from.
// solhint-disable avoid-low-level-calls, no-complex-fallback
contract FiatTokenProxy {
    error FiatTokenProxy_InitializationFailed(bytes reason);

    /// @dev ERC-1967.
    bytes32 private constant _IMPLEMENTATION_SLOT =
        0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    /// @param initialization Call made on the implementation in the proxy's storage, or empty.
    constructor(address implementation, bytes memory initialization) {
        bytes32 slot = _IMPLEMENTATION_SLOT;
        assembly {
            sstore(slot, implementation)
        }
        if (initialization.length == 0) return;
        (bool ok, bytes memory reason) = implementation.delegatecall(initialization);
        if (!ok) revert FiatTokenProxy_InitializationFailed(reason);
    }

    fallback() external payable {
        bytes32 slot = _IMPLEMENTATION_SLOT;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(slot), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 {
                revert(0, returndatasize())
            }
            default {
                return(0, returndatasize())
            }
        }
    }
}
