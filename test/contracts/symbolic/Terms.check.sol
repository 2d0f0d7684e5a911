// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../../../contracts/src/interfaces/ILeaseLife.sol";
import { AnyCall, Call } from "./AnyCall.sol";
import { cheats } from "./Cheats.sol";

/// @notice The terms of a priced lease do not change, whoever calls what: tenant, resources and deadline; price, node,
/// hold-back, minimum charge and cuts; notice; template, version and author.
contract TermsCheck is AnyCall {
    /// @dev Of the price: what is paid in, and which relay is paid.
    uint256 private constant _NO_TERMS = type(uint64).max | (uint256(type(uint32).max) << 152);
    /// @dev µUSDC an hour.
    uint256 private constant _PRICE = 41_667;
    /// @dev Of the template: the fee that is held, and what is left of its window.
    uint256 private constant _TEMPLATE = (1 << 208) - 1;

    function check_end(Call memory any, bytes32 id) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.end, (id)));
    }

    function check_expire(Call memory any, bytes32 id) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.expire, (id)));
    }

    function check_releaseTemplateFee(Call memory any, bytes32 id) external {
        _take(any, abi.encodeCall(ILeaseLife.releaseTemplateFee, (id)));
    }

    function check_settle(Call memory any, bytes32 id) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.settle, (_one(id))));
    }

    function check_topUp(Call memory any, bytes32 id, uint64 amount) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.topUp, (id, amount)));
    }

    function check_topUpFromBalance(Call memory any, bytes32 id, uint64 amount) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.topUpFromBalance, (id, amount)));
    }

    /// @dev The caller may be anybody: tenant, operator, agent, the escrow and the contracts it created.
    function _take(Call memory any, bytes memory data) internal override {
        _putAny(any.words);
        (uint256 holding, uint256 price) = (_word(0), _word(1) & ~_NO_TERMS);
        (uint32 notice, uint256 template) = (uint32(_word(3)), _word(4) & _TEMPLATE);
        cheats.warp(any.moment);
        _try(any.caller, address(escrow), data);
        assert(_word(0) == holding && _word(1) & ~_NO_TERMS == price);
        assert(uint32(_word(3)) == notice && _word(4) & _TEMPLATE == template);
    }

    /// @dev An hour into a live lease of one price, or before its activation; any amounts. Without template, hold-back,
    /// minimum charge and cuts: each multiplies the ways through the bill.
    function _takeBilled(Call memory any, bytes memory data) internal override {
        any.moment = NOW + 1 hours;
        any.words.price = (_PRICE << 64) | uint64(any.words.price);
        any.words.meter = any.words.meter >> 255 == 1 ? (uint256(NOW) << 128) | uint64(any.words.meter) : 0;
        _take(any, data);
    }
}
