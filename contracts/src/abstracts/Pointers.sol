// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

import { INodeRegistry } from "../interfaces/INodeRegistry.sol";
import { IPointers } from "../interfaces/IPointers.sol";
import { IPricePolicy } from "../interfaces/IPricePolicy.sol";
import { Errors } from "../libraries/Errors.sol";

/// @title Pointers
/// @notice See the documentation in {IPointers}. The delay is in this code and not in the choice of an owner, so no
/// owner can shorten it.
abstract contract Pointers is IPointers, Ownable2Step {
    /// @inheritdoc IPointers
    uint256 public constant override POINTER_DELAY = 7 days;

    INodeRegistry public override registry;
    IPricePolicy public override policy;

    INodeRegistry public override nextRegistry;
    uint40 public override pointersMoveAt;
    IPricePolicy public override nextPolicy;

    constructor(INodeRegistry initialRegistry, IPricePolicy initialPolicy, address owner) Ownable(owner) {
        _requireCode(address(initialRegistry));
        _requireCode(address(initialPolicy));
        registry = initialRegistry;
        policy = initialPolicy;
        emit PointersMoved({ registry: initialRegistry, policy: initialPolicy });
    }

    /// @inheritdoc IPointers
    function announcePointers(INodeRegistry newRegistry, IPricePolicy newPolicy) external override onlyOwner {
        _requireCode(address(newRegistry));
        _requireCode(address(newPolicy));
        uint40 moveAt = uint40(block.timestamp + POINTER_DELAY);
        nextRegistry = newRegistry;
        nextPolicy = newPolicy;
        pointersMoveAt = moveAt;
        emit PointersAnnounced({ registry: newRegistry, policy: newPolicy, moveAt: moveAt });
    }

    /// @inheritdoc IPointers
    function movePointers() external override onlyOwner {
        uint256 moveAt = pointersMoveAt;
        if (moveAt == 0) revert Errors.Pointers_NothingAnnounced();
        if (block.timestamp < moveAt) revert Errors.Pointers_TooEarly({ from: moveAt });
        registry = nextRegistry;
        policy = nextPolicy;
        delete nextRegistry;
        delete nextPolicy;
        delete pointersMoveAt;
        emit PointersMoved({ registry: registry, policy: policy });
    }

    function _requireCode(address target) private view {
        if (target.code.length == 0) revert Errors.Pointers_NoCode({ target: target });
    }
}
