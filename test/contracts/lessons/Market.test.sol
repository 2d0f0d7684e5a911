// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { EndReason, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { LessonFixture } from "./LessonFixture.sol";
import { NaiveCapacity, NaiveOutage, NaiveRelay, NaiveTemplateFee } from "./NaiveMarket.sol";

/// @notice How tenants paid for what they did not get: first on a naive contract, then on the escrow.
contract MarketLessonsTest is LessonFixture {
    address private constant _AUTHOR = address(0xF1);
    uint32 private constant _FEE = 500_001;

    /// @notice An operator settled through its outage, and there was nothing left to give back.
    function test_outage_cannotBeSettledAway() external {
        NaiveOutage naive = new NaiveOutage(IERC20(address(usdc)), PRICE);
        payIn(naive, DEPOSIT);
        bytes32 leaseId = activated(terms());
        forward(2 hours);
        for (uint256 i = 0; i < 30; ++i) {
            forward(1 minutes);
            naive.settle(tenant, OPERATOR);
            settle(leaseId);
        }
        assertEq(naive.credit(30 minutes), 0, "naive: too late");

        uint256 before = escrow.refundable(leaseId);
        address[] memory attesters = new address[](3);
        (attesters[0], attesters[1], attesters[2]) = (address(0xE1), address(0xE2), address(0xE3));
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        vm.prank(OWNER);
        quorum.setAttesters(attesters, 2);
        vm.prank(attesters[0]);
        quorum.vote(leaseId, 30 minutes);
        vm.prank(attesters[1]);
        quorum.vote(leaseId, 30 minutes);
        assertEq(escrow.refundable(leaseId), before + PRICE / 2, "half an hour is back");
        assertEq(escrow.leaseOf(leaseId).settled, PRICE + PRICE / 2, "and what had vested stays");
    }

    /// @notice A relay went dark, and its share of every bill went on.
    function test_deadRelay_earnsNothingMore() external {
        NaiveRelay naive = new NaiveRelay(IERC20(address(usdc)), STRANGER);
        payIn(naive, 2 * PRICE);
        naive.settle(tenant, OPERATOR, PRICE);
        naive.settle(tenant, OPERATOR, PRICE);
        assertEq(naive.owed(STRANGER), 2 * (PRICE / 5), "naive: for nothing, too");

        (uint32 dead, uint32 alive) = (_relay(1), _relay(2));
        vm.prank(OPERATOR);
        registry.chooseRelay(node, dead);
        Terms memory asked = terms();
        asked.holdBack = 0;
        bytes32 leaseId = activated(asked);
        forward(1 hours);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = leaseId;
        vm.prank(AGENT);
        escrow.switchRelay(ids, alive);
        forward(1 hours);
        settle(leaseId);
        assertEq(escrow.earnedOf(dead), PRICE / 5, "to the minute of the switch");
        assertEq(escrow.earnedOf(dead) + escrow.earnedOf(alive), (2 * PRICE) / 5, "then the other, as much");
    }

    /// @notice A host of 32 GiB sold 24 GiB twice.
    function test_capacity_isSoldOnce() external {
        NaiveCapacity naive = new NaiveCapacity(32_768);
        naive.open(24_576);
        naive.open(24_576);
        assertTrue(naive.inUse() > naive.MEMORY_MIB(), "naive: oversold");

        Terms memory asked = terms();
        (asked.memoryMiB, asked.maxPricePerHour) = (24_576, type(uint64).max);
        bytes32 first = opened(asked);
        asked.salt = bytes32(uint256(1));
        bytes memory full = abi.encodeWithSelector(
            IQuoteErrors.LeaseEscrow_NoCapacity.selector,
            node,
            "memory",
            24_576,
            8192
        );
        vm.startPrank(tenant);
        vm.expectRevert(full);
        escrow.open(asked, "");
        // All or nothing: in one stack neither fits beside the other.
        Terms[] memory stack = new Terms[](2);
        (stack[0], stack[1]) = (terms(), asked);
        stack[0].salt = bytes32(uint256(2));
        full = abi.encodeWithSelector(
            IQuoteErrors.LeaseEscrow_NoCapacity.selector,
            node,
            "memory",
            24_576,
            4096
        );
        vm.expectRevert(full);
        escrow.openStack(stack, new bytes[](2), false);
        escrow.close(first, tenant);
        escrow.open(asked, "");
        vm.stopPrank();
        assertEq(escrow.inUse(node).memoryMiB, 24_576, "one at a time");
    }

    /// @notice A tenant paid for a template, and the machine never started.
    function test_templateFee_comesBackWhenNothingRan() external {
        NaiveTemplateFee naive = new NaiveTemplateFee(IERC20(address(usdc)));
        payIn(naive, DEPOSIT);
        vm.startPrank(tenant);
        naive.open(_AUTHOR, _FEE);
        naive.cancel();
        vm.stopPrank();
        assertEq(usdc.balanceOf(_AUTHOR), _FEE, "naive: kept by the author");

        _publish();
        Terms memory asked = terms();
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, _FEE);
        bytes32 leaseId = opened(asked);
        assertEq(escrow.refundable(leaseId), DEPOSIT, "held");
        forward(15 minutes + 1);
        escrow.expire(leaseId);
        assertTrue(escrow.leaseOf(leaseId).endReason == EndReason.Expired, "never ran");
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "fee and all");
        assertEq(escrow.balanceOf(_AUTHOR) + escrow.earnedOf(0), 0, "and nobody earned");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    /// @dev A node that offers places behind it and has had a lease, so that it has a payee.
    function _relay(uint160 number) private returns (uint32 index) {
        INodeRegistry.Registration memory machine = registration();
        (machine.machineId, machine.agent) = (bytes32(uint256(number)), address(0xC90 + number));
        vm.startPrank(address(0xC80 + number));
        index = registry.register(machine);
        registry.setRelayOffer(index, 10);
        vm.stopPrank();
        Terms memory asked = terms();
        asked.node = index;
        opened(asked);
    }

    function _publish() private {
        TemplateRegistry templates = TemplateRegistry(deploy("TemplateRegistry", ""));
        vm.prank(_AUTHOR);
        templates.create(
            "debian",
            ITemplateRegistry.Draft({
                fee: _FEE,
                refundWindow: 30 minutes,
                minimum: ITemplateRegistry.MinimumSpec({ vcpus: 1, gpus: 0, memoryMiB: 1024, diskGiB: 10 }),
                contentHash: keccak256("content"),
                content: "content",
                uri: ""
            })
        );
        LeaseDesk desk = LeaseDesk(address(escrow.DESK()));
        vm.prank(OWNER);
        desk.announceTemplates(templates);
    }
}
