// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "../support/Assertions.sol";
import { vm } from "../support/Vm.sol";
import { Handler } from "./Handler.sol";

/// @notice A chain that changes its mind: the same calls of the same block come in, are undone, and come in again in
/// another order. The ids must be the same and the books must be the same; nothing of it stays.
contract ReorgHandler is Assertions {
    Handler private immutable _WORLD;
    LeaseEscrow private immutable _ESCROW;

    constructor(Handler world) {
        (_WORLD, _ESCROW) = (world, world.escrow());
    }

    function reorg(uint256 seed) external {
        uint256 count = _WORLD.count();
        if (count == 0 || _WORLD.closed() || _WORLD.registry().bricked()) return;
        address escrow = address(_ESCROW);
        if (_WORLD.usdc().isBlacklisted(escrow)) return;
        Terms[2] memory fresh;
        for (uint256 i = 0; i < 2; ++i) {
            fresh[i] = _WORLD.track(seed % count).terms;
            fresh[i].tenant = _WORLD.tenantAt(i);
            fresh[i].salt = keccak256(abi.encode(seed, i));
            if (_WORLD.usdc().isBlacklisted(fresh[i].tenant)) return;
            // A place for both, so that the second is not refused for the first.
            if (_ESCROW.inUse(fresh[i].node).pointUnits > 500) return;
        }
        // As dear as the node may have become by now.
        fresh[0].deposit = fresh[1].deposit = 5_000_000;
        uint256 snapshot = vm.snapshotState();
        bytes32 one = _play(fresh, seed, false);
        require(vm.revertToState(snapshot), "undone");
        bytes32 other = _play(fresh, seed, true);
        require(vm.revertToState(snapshot), "undone");
        _WORLD.note(type(uint256).max, "reorg", 0, 0, one == other ? 0 : 3);
    }

    /// @dev What the books say at the end of the block.
    function _play(Terms[2] memory fresh, uint256 seed, bool reversed) private returns (bytes32) {
        uint256 count = _WORLD.count();
        for (uint256 step = 0; step < 4; ++step) {
            uint256 what = reversed ? 3 - step : step;
            if (what < 2) {
                vm.prank(fresh[what].tenant);
                _ESCROW.open(fresh[what], "");
            } else if (what == 2) {
                bytes32[] memory ids = new bytes32[](count);
                for (uint256 i = 0; i < count; ++i) ids[i] = _WORLD.track(i).id;
                _ESCROW.settle(ids);
            } else {
                bytes32 id = _WORLD.track(seed % count).id;
                if (_ESCROW.leaseOf(id).status == LeaseStatus.Ended) continue;
                vm.prank(fresh[0].tenant);
                _ESCROW.topUp(id, 100_000);
            }
        }
        return _books(fresh, count);
    }

    function _books(Terms[2] memory fresh, uint256 count) private view returns (bytes32 books) {
        for (uint256 i = 0; i < 2; ++i) {
            books = keccak256(abi.encode(books, _ESCROW.leaseOf(_ESCROW.leaseIdOf(fresh[i]))));
        }
        for (uint256 i = 0; i < count; ++i) {
            books = keccak256(abi.encode(books, _ESCROW.leaseOf(_WORLD.track(i).id)));
        }
        for (uint32 node = 0; node <= _WORLD.NODES(); ++node) {
            books = keccak256(abi.encode(books, _ESCROW.earnedOf(node), _ESCROW.inUse(node)));
        }
        for (uint256 i = 0; i < 3; ++i) {
            books = keccak256(abi.encode(books, _ESCROW.balanceOf(_WORLD.tenantAt(i))));
        }
        return keccak256(abi.encode(books, _WORLD.usdc().balanceOf(address(_ESCROW))));
    }
}
