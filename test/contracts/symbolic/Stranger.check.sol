// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { AnyCall, Call } from "./AnyCall.sol";
import { cheats } from "./Cheats.sol";

/// @notice What a stranger calls leaves a lease and its tenant's balance as they were, to the bit. What strangers may do to
/// a lease (settle it, pay in, release a fee that is due, end it when it is over) is claimed in {ExitCheck}.
contract StrangerCheck is AnyCall {
    function _take(Call memory any, bytes memory data) internal override {
        _assumeStranger(any.caller);
        _putAny(any.words);
        uint256[5] memory before = [_word(0), _word(1), _word(2), _word(3), _word(4)];
        cheats.warp(any.moment);
        _try(any.caller, address(escrow), data);
        assert(_word(0) == before[0] && _word(1) == before[1] && _word(2) == before[2]);
        assert(_word(3) == before[3] && _word(4) == before[4]);
        assert(escrow.balanceOf(TENANT) == BALANCE);
    }

    function _takeBilled(Call memory any, bytes memory data) internal override {
        _take(any, data);
    }
}
