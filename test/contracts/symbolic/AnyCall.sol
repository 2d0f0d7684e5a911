// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "../../../contracts/src/interfaces/ILeaseLife.sol";
import { ILeaseOpening } from "../../../contracts/src/interfaces/ILeaseOpening.sol";
import { ILedger } from "../../../contracts/src/interfaces/ILedger.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { AnyLease, Words } from "./AnyLease.sol";
import { cheats } from "./Cheats.sol";

/// @notice Who calls, when, and what lease there is.
struct Call {
    address caller;
    uint40 moment;
    Words words;
}

struct Signature {
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice A claim for each function of the escrow, with any arguments, about any call of it: {_take} says what holds.
abstract contract AnyCall is AnyLease {
    bytes internal constant MANIFEST = hex"4d";

    function check_acceptPayee(Call memory any, uint32 node) external {
        _take(any, abi.encodeCall(ILedger.acceptPayee, (node)));
    }

    function check_activate(Call memory any, bytes32 id, bytes32 key) external {
        _take(any, abi.encodeCall(ILeaseEscrow.activate, (id, key)));
    }

    function check_assign(Call memory any, Terms memory terms, uint32 node) external {
        _take(any, abi.encodeCall(ILeaseOpening.assign, (terms, node)));
    }

    function check_close(Call memory any, bytes32 id, address to) external {
        _takeBilled(any, abi.encodeCall(ILeaseEscrow.close, (id, to)));
    }

    function check_credit(Call memory any, bytes32 id, uint32 duration) external {
        _takeBilled(any, abi.encodeCall(ILeaseLife.credit, (id, duration)));
    }

    function check_deposit(Call memory any, uint256 amount) external {
        _takeFunded(any, abi.encodeCall(ILeaseEscrow.deposit, (amount)));
    }

    function check_open(Call memory any, Terms memory terms) external {
        _takeFunded(any, abi.encodeCall(ILeaseEscrow.open, (terms, MANIFEST)));
    }

    function check_openFromBalance(Call memory any, Terms memory terms) external {
        _takeFunded(any, abi.encodeCall(ILeaseEscrow.openFromBalance, (terms, MANIFEST)));
    }

    function check_openStack(Call memory any, Terms memory terms, bool fromBalance) external {
        _takeFunded(any, abi.encodeCall(ILeaseOpening.openStack, (_one(terms), _one(MANIFEST), fromBalance)));
    }

    function check_openWithAuthorization(
        Call memory any,
        Terms memory terms,
        uint256 validAfter,
        uint256 validBefore,
        Signature memory signed
    ) external {
        _take(
            any,
            abi.encodeCall(
                ILeaseOpening.openWithAuthorization,
                (terms, MANIFEST, validAfter, validBefore, _packed(signed))
            )
        );
    }

    function check_openWithPermit(
        Call memory any,
        Terms memory terms,
        uint256 deadline,
        Signature memory signed
    ) external {
        _takeFunded(
            any,
            abi.encodeCall(
                ILeaseEscrow.openWithPermit,
                (terms, MANIFEST, deadline, signed.v, signed.r, signed.s)
            )
        );
    }

    function check_proposePayee(Call memory any, uint32 node, address proposed) external {
        _take(any, abi.encodeCall(ILedger.proposePayee, (node, proposed)));
    }

    function check_reclaim(Call memory any, bytes32 id) external {
        _takeBilled(any, abi.encodeCall(ILeaseLife.reclaim, (id)));
    }

    function check_sendRefund(Call memory any, address account, address to, uint256 amount) external {
        _take(any, abi.encodeCall(ILedger.sendRefund, (account, to, amount)));
    }

    function check_setOperator(Call memory any, uint32 node, address operator) external {
        _take(any, abi.encodeCall(ILedger.setOperator, (node, operator)));
    }

    function check_startReclaim(Call memory any, bytes32 id, bytes32 reason) external {
        _take(any, abi.encodeCall(ILeaseLife.startReclaim, (id, reason)));
    }

    function check_switchRelay(Call memory any, bytes32 id, uint32 relay) external {
        _takeBilled(any, abi.encodeCall(ILeaseLife.switchRelay, (_one(id), relay)));
    }

    function check_topUpFor(
        Call memory any,
        address payer,
        bytes32 id,
        uint64 amount,
        bool fromBalance
    ) external {
        _takeBilled(any, abi.encodeCall(ILeaseLife.topUpFor, (payer, id, amount, fromBalance)));
    }

    function check_withdraw(Call memory any, address to, uint256 amount) external {
        _takeFunded(any, abi.encodeCall(ILeaseEscrow.withdraw, (to, amount)));
    }

    function check_withdrawEarned(Call memory any, uint32 node, address to, uint256 amount) external {
        _take(any, abi.encodeCall(ILeaseEscrow.withdrawEarned, (node, to, amount)));
    }

    function check_withdrawFor(Call memory any, address account, address to, uint256 amount) external {
        _take(any, abi.encodeCall(ILedger.withdrawFor, (account, to, amount)));
    }

    /// @dev Writes the lease that `any` holds, and calls.
    function _take(Call memory any, bytes memory data) internal virtual;

    /// @dev Where the call comes to the bill of the lease.
    function _takeBilled(Call memory any, bytes memory data) internal virtual;

    /// @dev The caller has USDC, half of it inside the escrow, unless USDC refuses.
    function _takeFunded(Call memory any, bytes memory data) internal {
        cheats.assume(any.caller != address(0));
        _try(OWNER, address(usdc), abi.encodeCall(MockUSDC.mint, (any.caller, 2 * BALANCE)));
        _try(any.caller, address(usdc), abi.encodeCall(IERC20.approve, (address(escrow), type(uint256).max)));
        _try(any.caller, address(escrow), abi.encodeCall(ILeaseEscrow.deposit, (BALANCE)));
        _take(any, data);
    }

    /// @dev Refused or not.
    function _try(address caller, address target, bytes memory data) internal {
        cheats.prank(caller);
        // solhint-disable-next-line avoid-low-level-calls
        (bool done, ) = target.call(data);
        done;
    }

    function _one(bytes32 id) internal pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }

    function _one(bytes memory manifest) private pure returns (bytes[] memory manifests) {
        manifests = new bytes[](1);
        manifests[0] = manifest;
    }

    function _one(Terms memory terms) private pure returns (Terms[] memory stack) {
        stack = new Terms[](1);
        stack[0] = terms;
    }

    function _packed(Signature memory signed) private pure returns (bytes memory) {
        return abi.encodePacked(signed.r, signed.s, signed.v);
    }
}
