// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Billing } from "../../../contracts/src/libraries/Billing.sol";
import { Capacity, EndReason, Lease, LeaseStatus } from "../../../contracts/src/types/DataTypes.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";
import { Handler } from "./Handler.sol";
import { MandateHandler } from "./MandateHandler.sol";
import { OperatorHandler } from "./OperatorHandler.sol";
import { ReorgHandler } from "./ReorgHandler.sol";
import { WorldHandler } from "./WorldHandler.sol";

/// @notice The invariants of contracts/README.md by their numbers, after every call of a hostile world. Where one
/// needs the end of time (all settled, all withdrawn) it plays it out; what an invariant does is rolled back.
contract LeaseEscrowInvariants is Fixture {
    StubRegistry internal stub;
    LeaseEscrow internal twin;
    Handler internal handler;
    OperatorHandler internal operators;
    WorldHandler internal world;
    MandateHandler internal mandates;
    ReorgHandler internal reorgs;

    function setUp() public override {
        super.setUp();
        stub = new StubRegistry();
        escrow = newEscrow(INodeRegistry(address(stub)));
        twin = newEscrow(INodeRegistry(address(stub)));
        handler = new Handler(escrow, twin, usdc, policy, stub, OWNER);
        operators = new OperatorHandler(handler);
        world = new WorldHandler(handler);
        mandates = new MandateHandler(handler);
        reorgs = new ReorgHandler(handler);
        handler.trust(address(operators));
        handler.trust(address(mandates));
        handler.trust(address(reorgs));
        _fillRoles(escrow);
        _fillRoles(twin);
        for (uint32 i = 1; i <= handler.NODES(); ++i) {
            stub.setOffer(i, world.offerOf(i, 60));
        }
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.tenantAt(i);
            fund(account, 1_000_000_000_000);
            vm.prank(account);
            usdc.approve(address(twin), type(uint128).max);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](5);
        (targets[0], targets[1], targets[2]) = (address(handler), address(operators), address(world));
        (targets[3], targets[4]) = (address(mandates), address(reorgs));
    }

    /// @notice The world is not idle: sixteen courses of a hundred calls each reach every edge, a depleted top-up among them.
    function test_handler_reachesEveryEdge() external {
        bytes32[24] memory names = [
            bytes32("open"),
            "assign",
            "credit",
            "creditEnded",
            "reclaim",
            "switchRelay",
            "activate",
            "settle",
            "settleDust",
            "topUp",
            "topUpDepleted",
            "close",
            "expire",
            "end",
            "withdraw",
            "withdrawEarned",
            "openBySig",
            "openStack",
            "closeBySig",
            "topUpBySig",
            "topUpWithAuthorization",
            "withdrawBySig",
            "renew",
            "reorg"
        ];
        uint256[24] memory reached;
        for (uint256 course = 0; course < 16; ++course) {
            if (course != 0) setUp();
            for (uint256 i = 0; i < 100; ++i) {
                _step(uint256(keccak256(abi.encode(course, i))));
            }
            for (uint256 k = 0; k < names.length; ++k) {
                reached[k] += handler.calls(names[k]);
            }
            assertEq(handler.broken(), 0, "broken");
        }
        for (uint256 k = 0; k < names.length; ++k) {
            assertTrue(reached[k] != 0, string(abi.encodePacked(names[k])));
        }
    }

    /// @notice Balance = everything owed to somebody + donations.
    function invariant_01_solvent() external view {
        uint256 owed;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Handler.Track memory t = handler.track(i);
            Lease memory lease = escrow.leaseOf(t.id);
            owed += lease.deposited - lease.settled - t.refunded;
        }
        for (uint256 i = 0; i < 3; ++i) {
            owed += escrow.balanceOf(handler.tenantAt(i));
        }
        for (uint32 account = 0; account <= handler.NODES(); ++account) {
            owed += escrow.earnedOf(account);
        }
        assertEq(usdc.balanceOf(address(escrow)), owed + handler.donated(), "balance");
        assertEq(usdc.balanceOf(address(escrow.MANDATES())), 0, "nothing is left on the way");
        _requireUnbroken(1);
    }

    function invariant_02_settledWithinDepositedAndCompleteAfterHoldBack() external {
        _requireUnbroken(2);
        for (uint256 i = 0; i < handler.count(); ++i) {
            Lease memory lease = escrow.leaseOf(handler.track(i).id);
            assertLe(lease.settled, lease.deposited, "settled");
        }
        forward(1 days);
        _settleAll();
        for (uint256 i = 0; i < handler.count(); ++i) {
            Handler.Track memory t = handler.track(i);
            Lease memory lease = escrow.leaseOf(t.id);
            if (lease.status != LeaseStatus.Ended) continue;
            assertEq(lease.settled + t.refunded, lease.deposited, "settled + refunded");
        }
    }

    /// @notice The twin was never settled but by its own edges: one settlement now must bring it level.
    function invariant_03_pathIndependent() external {
        _settleAll();
        bytes32[] memory ids = new bytes32[](handler.count());
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = handler.track(i).twin;
        }
        twin.settle(ids);
        for (uint256 i = 0; i < ids.length; ++i) {
            assertEq(escrow.leaseOf(handler.track(i).id).settled, twin.leaseOf(ids[i]).settled, "settled");
        }
        for (uint32 account = 0; account <= handler.NODES(); ++account) {
            assertEq(handler.earnedEver(account), twin.earnedOf(account), "earned");
        }
    }

    function invariant_04_sharesSumToSettled() external view {
        (uint256 settled, uint256 earned) = (0, 0);
        for (uint256 i = 0; i < handler.count(); ++i) {
            settled += escrow.leaseOf(handler.track(i).id).settled;
        }
        for (uint32 account = 0; account <= handler.NODES(); ++account) {
            earned += handler.earnedEver(account);
        }
        assertEq(earned, settled, "shares");
    }

    /// @notice Over the whole life of a lease no share is off by a unit: the platform's, for every lease, to the unit.
    function invariant_05_sharesExactOverLife() external view {
        uint256 exactTimesBps;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Lease memory lease = escrow.leaseOf(handler.track(i).id);
            exactTimesBps += uint256(lease.settled) * lease.platformBps;
        }
        uint256 platform = handler.earnedEver(0) * 10_000;
        assertLe(platform, exactTimesBps, "platform above exact");
        assertLe(exactTimesBps, platform + 10_000 * handler.count(), "platform below exact");
    }

    function invariant_06_settlingGainsNothing() external view {
        assertEq(usdc.balanceOf(handler.KEEPER()), 0, "keeper's USDC");
        assertEq(escrow.balanceOf(handler.KEEPER()), 0, "keeper's balance");
    }

    function invariant_07_noThirdPartyLowersRefund() external view {
        _requireUnbroken(7);
    }

    function invariant_08_nobodyLowersEarned() external view {
        _requireUnbroken(8);
    }

    /// @notice Every lease that lives can be closed by its tenant, in the worst of worlds, and the refund is his.
    function invariant_09_closeNeverReverts() external {
        _requireUnbroken(9);
        stub.setBricked(true);
        vm.startPrank(OWNER);
        usdc.pause();
        usdc.blacklist(address(escrow));
        vm.stopPrank();
        world.setGuarded(0);
        for (uint256 i = 0; i < handler.count(); ++i) {
            Handler.Track memory t = handler.track(i);
            if (escrow.leaseOf(t.id).status == LeaseStatus.Ended) continue;
            uint256 expected = escrow.balanceOf(t.terms.tenant) + escrow.refundable(t.id);
            vm.prank(t.terms.tenant);
            escrow.close(t.id, t.terms.tenant);
            assertEq(escrow.balanceOf(t.terms.tenant), expected, "refund");
        }
    }

    /// @notice With USDC running, everything earned and every balance leaves, whoever is blacklisted.
    function invariant_10_everythingCanBeWithdrawn() external {
        _usdcRuns();
        stub.setBricked(true);
        for (uint32 account = 0; account <= handler.NODES(); ++account) {
            uint256 earned = escrow.earnedOf(account);
            if (earned == 0) continue;
            vm.prank(escrow.payeeOf(account));
            escrow.withdrawEarned(account, address(0xD00D), earned);
            assertEq(escrow.earnedOf(account), 0, "earned");
        }
        for (uint256 i = 0; i < 3; ++i) {
            address account = handler.tenantAt(i);
            uint256 balance = escrow.balanceOf(account);
            if (balance == 0) continue;
            vm.prank(account);
            escrow.withdraw(address(0xD00D), balance);
        }
    }

    function invariant_11_settleNeverReverts() external {
        _requireUnbroken(11);
        bytes32[] memory ids = new bytes32[](3);
        ids[1] = keccak256("unknown");
        ids[2] = handler.count() == 0 ? bytes32(0) : handler.track(0).id;
        escrow.settle(ids);
    }

    function invariant_12_termsNeverChange() external view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            Handler.Track memory t = handler.track(i);
            Lease memory lease = escrow.leaseOf(t.id);
            assertTrue(lease.tenant == t.frozen.tenant, "tenant");
            assertEq(lease.node, t.frozen.node, "node");
            assertEq(lease.relay, t.frozen.relay, "relay");
            assertEq(lease.pricePerHour, t.frozen.pricePerHour, "price");
            assertEq(lease.platformBps, t.frozen.platformBps, "platform's cut");
            assertEq(lease.relayBps, t.frozen.relayBps, "relay's cut");
            assertEq(lease.minCharge, t.frozen.minCharge, "minimum charge");
            assertEq(lease.notice, t.frozen.notice, "notice");
            assertEq(lease.holdBack, t.frozen.holdBack, "hold-back");
            assertEq(lease.activateBy, t.frozen.activateBy, "activate by");
        }
    }

    function invariant_13_runsOutIsTheFirstSecond() external view {
        _requireUnbroken(13);
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 id = handler.track(i).id;
            Lease memory lease = escrow.leaseOf(id);
            if (lease.status != LeaseStatus.Active) continue;
            uint256 runsOutAt = escrow.runsOutAt(id);
            assertEq(escrow.due(id, runsOutAt), lease.deposited, "due when it runs out");
            assertLe(escrow.due(id, runsOutAt - 1) + 1, lease.deposited, "due a second before");
        }
    }

    function invariant_14_noAccrualOutsidePaidTime() external view {
        _requireUnbroken(14);
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 id = handler.track(i).id;
            Lease memory lease = escrow.leaseOf(id);
            uint256 later = vm.getBlockTimestamp() + 10 * 365 days;
            if (lease.startedAt == 0) assertEq(escrow.due(id, later), 0, "due before activation");
            if (lease.endedAt != 0)
                assertEq(escrow.due(id, later), escrow.due(id, lease.endedAt), "due after the end");
        }
    }

    function invariant_15_onlyAllowedEdges() external view {
        _requireUnbroken(15);
        for (uint256 i = 0; i < handler.count(); ++i) {
            Lease memory lease = escrow.leaseOf(handler.track(i).id);
            bool over = lease.status == LeaseStatus.Ended;
            assertTrue(over == (lease.endedAt != 0), "ended has an end");
            assertTrue(over == (lease.endReason != EndReason.None), "ended has a reason");
        }
    }

    function invariant_18_priceAtLeastFloorAndCutsWithinCaps() external view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            Handler.Track memory t = handler.track(i);
            assertLe(t.floorPrice, t.frozen.pricePerHour, "floor");
            assertLe(t.frozen.platformBps, 1500, "platform's cut");
            assertLe(t.frozen.relayBps, 2000, "relay's cut");
        }
    }

    function invariant_20_capacityIsSumOfLiveLeases() external view {
        for (uint32 n = 1; n <= handler.NODES(); ++n) {
            Capacity memory sum;
            for (uint256 i = 0; i < handler.count(); ++i) {
                Handler.Track memory t = handler.track(i);
                if (t.terms.node != n || escrow.leaseOf(t.id).status == LeaseStatus.Ended) continue;
                uint8[4] memory units = [12, 8, 6, 3];
                sum.pointUnits += uint64(t.terms.vcpus) * units[t.terms.tier];
                sum.memoryMiB += t.terms.memoryMiB;
                sum.diskGiB += t.terms.diskGiB;
            }
            Capacity memory used = escrow.inUse(n);
            assertEq(used.pointUnits, sum.pointUnits, "point-units");
            assertEq(used.memoryMiB, sum.memoryMiB, "memory");
            assertEq(used.diskGiB, sum.diskGiB, "disk");
            Capacity memory registered = stub.bricked() ? used : stub.offer(n).capacity;
            assertLe(used.pointUnits, registered.pointUnits, "registered point-units");
            assertLe(used.memoryMiB, registered.memoryMiB, "registered memory");
        }
    }

    function _step(uint256 seed) private {
        uint256 a = seed >> 16;
        uint256 b = seed >> 80;
        uint256 what = seed % 23;
        if (what == 0) handler.open(a, b, seed >> 120, seed >> 200);
        else if (what == 1) handler.topUp(a, b, seed >> 120);
        else if (what == 2) handler.settle(a);
        else if (what == 3) handler.settleDust(a);
        else if (what == 4) handler.wait(a);
        else if (what == 5) handler.waitForDepletion(a);
        else if (what == 6) handler.expire(a);
        else if (what == 7) handler.end(a);
        else if (what == 8) handler.withdraw(a, b);
        else if (what == 9) handler.withdrawEarned(a, b);
        else if (what == 10) handler.activate(a);
        else if (what == 11 && b % 3 == 0) handler.close(a, b >> 8);
        else if (what == 13 && b % 4 == 0) operators.reclaim(a);
        else if (what == 14) operators.switchRelay(a);
        else if (what == 15) operators.credit(a, b);
        else if (what == 16) mandates.closeBySig(a);
        else if (what == 17) mandates.withdrawBySig(a, b);
        else if (what == 18) mandates.topUpBySig(a, b);
        else if (what == 19) mandates.setAutoRenew(a, uint64(b), type(uint64).max, type(uint32).max);
        else if (what == 20) mandates.renew(a);
        else if (what == 21) reorgs.reorg(a);
        else if (what == 22) mandates.topUpWithAuthorization(a, b);
        else handler.deposit(a, b);
    }

    function _fillRoles(LeaseEscrow which) private {
        LeaseDesk desk = LeaseDesk(address(which.DESK()));
        DowntimeQuorum quorum = DowntimeQuorum(address(which.QUORUM()));
        address[] memory attesters = new address[](3);
        for (uint160 i = 0; i < 3; ++i) {
            attesters[i] = address(operators.ATTESTER_BASE() + 1 + i);
        }
        vm.startPrank(OWNER);
        desk.setGuardian(world.GUARDIAN());
        quorum.setAttesters(attesters, 2);
        vm.stopPrank();
    }

    function _requireUnbroken(uint256 number) private view {
        assertTrue(handler.broken() != number, "a call broke it");
    }

    function _settleAll() private {
        bytes32[] memory ids = new bytes32[](handler.count());
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = handler.track(i).id;
        }
        escrow.settle(ids);
    }

    function _usdcRuns() private {
        vm.startPrank(OWNER);
        usdc.unpause();
        usdc.unBlacklist(address(escrow));
        vm.stopPrank();
    }
}
