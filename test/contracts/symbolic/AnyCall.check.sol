// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../../../contracts/src/interfaces/ILeaseLife.sol";
import { Meter, Price } from "../../../contracts/src/types/LeaseRecord.sol";
import { AnyLease } from "./AnyLease.sol";
import { cheats, symbolic } from "./Cheats.sol";

/// @notice Claims about every function of the escrow, interface by interface, with any arguments. Stated about words in
/// storage: what a tenant can take back, and the terms, are functions of these and of the clock.
contract AnyCallCheck is AnyLease {
    /// @dev Of slot 2: what is paid in, and which relay is paid, are no terms.
    uint256 private constant _NO_TERMS = type(uint64).max | (uint256(type(uint32).max) << 152);

    function check_termsOutliveILeaseEscrow(Price memory price, Meter memory meter, address caller) external {
        _callAs(caller, "ILeaseEscrow", price, meter);
    }

    function check_termsOutliveILeaseLife(Price memory price, Meter memory meter, address caller) external {
        _callAs(caller, "ILeaseLife", price, meter);
    }

    function check_termsOutliveILeaseOpening(
        Price memory price,
        Meter memory meter,
        address caller
    ) external {
        _callAs(caller, "ILeaseOpening", price, meter);
    }

    function check_termsOutliveILedger(Price memory price, Meter memory meter, address caller) external {
        _callAs(caller, "ILedger", price, meter);
    }

    function check_strangersLeaveTheLeaseILeaseEscrow(
        Price memory price,
        Meter memory meter,
        address caller
    ) external {
        _callAsStranger(caller, "ILeaseEscrow", price, meter);
    }

    function check_strangersLeaveTheLeaseILeaseLife(
        Price memory price,
        Meter memory meter,
        address caller
    ) external {
        _callAsStranger(caller, "ILeaseLife", price, meter);
    }

    function check_strangersLeaveTheLeaseILeaseOpening(
        Price memory price,
        Meter memory meter,
        address caller
    ) external {
        _callAsStranger(caller, "ILeaseOpening", price, meter);
    }

    function check_strangersLeaveTheLeaseILedger(
        Price memory price,
        Meter memory meter,
        address caller
    ) external {
        _callAsStranger(caller, "ILedger", price, meter);
    }

    /// @dev The caller may be anybody: tenant, operator, agent, the escrow and the contracts it created.
    function _callAs(
        address caller,
        string memory functions,
        Price memory price,
        Meter memory meter
    ) private {
        _assumeLive(price, meter, NOW);
        _put(price, meter);
        uint256 holding = _word(0);
        uint256 terms = _word(1) & ~_NO_TERMS;
        bytes memory data = symbolic.createCalldata(functions);
        cheats.prank(caller);
        (bool done, ) = address(escrow).call(data);
        cheats.assume(done);
        assert(_word(0) == holding);
        assert(_word(1) & ~_NO_TERMS == terms);
        assert(uint32(_word(3)) == NOTICE);
    }

    /// @dev What anybody may do to a lease (settle, pay in, end it when it is over) has claims of its own; nothing else
    /// that a stranger calls touches it, or lowers the tenant's balance.
    function _callAsStranger(
        address stranger,
        string memory functions,
        Price memory price,
        Meter memory meter
    ) private {
        _assumeStranger(stranger);
        _assumeLive(price, meter, NOW);
        _put(price, meter);
        (uint256 priced, uint256 metered) = (_word(1), _word(2));
        bytes memory data = symbolic.createCalldata(functions);
        bytes4 selector = bytes4(data);
        cheats.assume(selector != ILeaseEscrow.settle.selector && selector != ILeaseEscrow.topUp.selector);
        cheats.assume(selector != ILeaseEscrow.end.selector && selector != ILeaseEscrow.expire.selector);
        cheats.assume(selector != ILeaseEscrow.topUpFromBalance.selector);
        cheats.prank(stranger);
        (bool done, ) = address(escrow).call(data);
        cheats.assume(done);
        assert(_word(1) == priced && _word(2) == metered);
        assert(escrow.balanceOf(TENANT) >= BALANCE);
    }
}
