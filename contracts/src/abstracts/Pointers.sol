// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

import { INodeRegistry } from "../interfaces/INodeRegistry.sol";
import { IPointers } from "../interfaces/IPointers.sol";
import { IPricePolicy } from "../interfaces/IPricePolicy.sol";
import { ITemplateRegistry } from "../interfaces/ITemplateRegistry.sol";
import { Errors } from "../libraries/Errors.sol";

/// @title Pointers
/// @notice See the documentation in {IPointers}. The delay is in this code and not in the choice of an owner, so no
/// owner can shorten it.
abstract contract Pointers is IPointers, Ownable2Step {
    /// @inheritdoc IPointers
    uint256 public constant override POINTER_DELAY = 7 days;

    INodeRegistry public override registry;
    /// @dev Beside the registry, whose slot opening and activating read anyway.
    uint40 internal _pausedUntil;
    IPricePolicy public override policy;

    INodeRegistry public override nextRegistry;
    uint40 public override pointersMoveAt;
    IPricePolicy public override nextPolicy;

    ITemplateRegistry public override templates;
    ITemplateRegistry public override nextTemplates;
    uint40 public override templatesMoveAt;

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
        _requireMoveTime(pointersMoveAt);
        registry = nextRegistry;
        policy = nextPolicy;
        delete nextRegistry;
        delete nextPolicy;
        delete pointersMoveAt;
        emit PointersMoved({ registry: registry, policy: policy });
    }

    /// @inheritdoc IPointers
    function announceTemplates(ITemplateRegistry newTemplates) external override onlyOwner {
        _requireCode(address(newTemplates));
        if (address(templates) == address(0)) {
            _setTemplates(newTemplates);
            return;
        }
        uint40 moveAt = uint40(block.timestamp + POINTER_DELAY);
        nextTemplates = newTemplates;
        templatesMoveAt = moveAt;
        emit TemplatesAnnounced({ templates: newTemplates, moveAt: moveAt });
    }

    /// @inheritdoc IPointers
    function moveTemplates() external override onlyOwner {
        _requireMoveTime(templatesMoveAt);
        _setTemplates(nextTemplates);
        delete nextTemplates;
        delete templatesMoveAt;
    }

    function _requireCode(address target) private view {
        if (target.code.length == 0) revert Errors.Pointers_NoCode({ target: target });
    }

    function _requireMoveTime(uint256 moveAt) private view {
        if (moveAt == 0) revert Errors.Pointers_NothingAnnounced();
        if (block.timestamp < moveAt) revert Errors.Pointers_TooEarly({ from: moveAt });
    }

    function _setTemplates(ITemplateRegistry newTemplates) private {
        templates = newTemplates;
        emit TemplatesMoved({ templates: newTemplates });
    }
}
