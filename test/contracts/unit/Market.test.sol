// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { Capacity, Prices } from "../../../contracts/src/types/DataTypes.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice NodeRegistry and PricePolicy, as listed in Market.tree.
contract MarketTest is Fixture {
    function test_register_keepsWhatWasRegistered() external view {
        INodeRegistry.Offer memory offer = registry.offer(node);
        bytes32 nodeId = sha256(abi.encodePacked(keccak256("machine"), OPERATOR));
        assertTrue(offer.operator == OPERATOR && offer.agent == AGENT && offer.active, "who");
        assertTrue(offer.region == "eu-west", "region");
        assertEq(offer.minCharge, 60, "minimum charge");
        assertEq(offer.notice, 1 days, "notice");
        assertEq(offer.capacity.pointUnits, 96, "units");
        assertEq(offer.capacity.memoryMiB, 32_768, "memory");
        assertEq(offer.capacity.diskGiB, 500, "disk");
        assertEq(offer.capacity.gpus, 1, "gpus");
        assertEq(registry.nodeCount(), 1, "count");
        assertEq(registry.indexOf(nodeId), node, "index");
        assertTrue(registry.nodeIdOf(node) == nodeId, "node id");
        assertEq(registry.nodeOfAgent(AGENT), node, "node of the agent");
        (bytes32 key, uint32 epoch) = registry.sealingKeyOf(node);
        assertTrue(key == keccak256("sealing key"), "sealing key");
        assertEq(epoch, 1, "epoch");
    }

    function test_register_refusesATakenIdOrAgent() external {
        INodeRegistry.Registration memory r = registration();
        bytes32 nodeId = registry.nodeIdOf(node);
        _refuse(OPERATOR, r, abi.encodeWithSelector(Errors.NodeRegistry_NodeIdTaken.selector, nodeId, node));
        _refuse(STRANGER, r, abi.encodeWithSelector(Errors.NodeRegistry_AgentTaken.selector, AGENT, node));
        r.agent = STRANGER;
        _refuse(STRANGER, r, abi.encodeWithSelector(Errors.NodeRegistry_AgentIsOperator.selector, STRANGER));
    }

    function test_prices_underAFloorAreRefusedNamingIt() external {
        uint64[4] memory floors = [uint64(5000), 2500, 50, 50_000];
        string[4] memory names = ["point", "memoryGiB", "diskGiB", "gpu"];
        for (uint256 i = 0; i < 4; ++i) {
            uint64[4] memory p = [floors[0], floors[1], floors[2], floors[3]];
            p[i] -= 1;
            vm.prank(OPERATOR);
            vm.expectRevert(
                abi.encodeWithSelector(
                    Errors.NodeRegistry_PriceBelowFloor.selector,
                    names[i],
                    floors[i] - 1,
                    floors[i]
                )
            );
            registry.setPrices(node, Prices(p[0], p[1], p[2], p[3]));
        }
        vm.startPrank(OPERATOR);
        registry.setPrices(node, Prices(5000, 2500, 50, 50_000));
        assertEq(registry.offer(node).prices.diskGiB, 50, "at the floor");
        registry.setPrices(node, Prices(0, 0, 0, 0));
        vm.stopPrank();
    }

    function test_fields_outOfRangeAreRefused() external {
        vm.startPrank(OPERATOR);
        vm.expectRevert(_field("minCharge", 301, 0, 300));
        registry.setTerms(node, 301, 0);
        vm.expectRevert(_field("notice", 30 days + 1, 0, 30 days));
        registry.setTerms(node, 0, 30 days + 1);
        vm.expectRevert(_field("pointUnits", 0, 1, type(uint32).max));
        registry.setCapacity(node, Capacity(0, 1, 1, 0));
        vm.expectRevert(_field("gpus", 65_536, 0, 65_535));
        registry.setCapacity(node, Capacity(1, 1, 1, 65_536));
        vm.expectRevert(_field("endpoint", 257, 0, 256));
        registry.setEndpoint(node, string(new bytes(257)));
        vm.expectRevert(_field("gpu", 1 << 40, 50_000, type(uint40).max));
        registry.setPrices(node, Prices(5000, 2500, 50, 1 << 40));
        vm.expectRevert(_field("sealingKey", 0, 1, type(uint256).max));
        registry.setSealingKey(node, 0);
        vm.expectRevert(_field("agent", 0, 1, type(uint160).max));
        registry.setAgent(node, address(0));
        vm.stopPrank();
    }

    function test_setters_areTheOperators() external {
        bytes memory reason = abi.encodeWithSelector(
            Errors.NodeRegistry_NotOperator.selector,
            node,
            OPERATOR,
            STRANGER
        );
        vm.startPrank(STRANGER);
        vm.expectRevert(reason);
        registry.setActive(node, false);
        vm.expectRevert(reason);
        registry.setAgent(node, STRANGER);
        vm.expectRevert(reason);
        registry.setCapacity(node, Capacity(1, 1, 1, 0));
        vm.expectRevert(reason);
        registry.setEndpoint(node, "");
        vm.expectRevert(reason);
        registry.setPrices(node, Prices(0, 0, 0, 0));
        vm.expectRevert(reason);
        registry.setSealingKey(node, bytes32(uint256(1)));
        vm.expectRevert(reason);
        registry.setTerms(node, 0, 0);
        vm.expectRevert(reason);
        registry.proposeOperator(node, STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_UnknownNode.selector, 9));
        registry.setActive(9, false);
        vm.stopPrank();
    }

    function test_setAgent_freesTheFormerKey() external {
        vm.prank(OPERATOR);
        registry.setAgent(node, STRANGER);
        assertEq(registry.nodeOfAgent(AGENT), 0, "former");
        assertEq(registry.nodeOfAgent(STRANGER), node, "new");
        assertTrue(registry.agentOf(node) == STRANGER, "agent");
    }

    function test_sealingKey_raisesTheEpoch() external {
        vm.prank(OPERATOR);
        registry.setSealingKey(node, bytes32(uint256(1)));
        (, uint32 epoch) = registry.sealingKeyOf(node);
        assertEq(epoch, 2, "epoch");
    }

    function test_operator_changesInTwoStepsAndTheIdStays() external {
        bytes32 nodeId = registry.nodeIdOf(node);
        vm.prank(OPERATOR);
        registry.proposeOperator(node, STRANGER);
        vm.prank(OWNER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_NotPendingOperator.selector, node, STRANGER, OWNER)
        );
        registry.acceptOperator(node);
        vm.prank(STRANGER);
        registry.acceptOperator(node);
        assertTrue(registry.offer(node).operator == STRANGER, "operator");
        assertTrue(registry.nodeIdOf(node) == nodeId, "id");
        assertTrue(registry.pendingOperatorOf(node) == address(0), "pending");
    }

    function test_policy_startsWithThePublishedFigures() external view {
        (
            Prices memory floors,
            Prices memory defaults,
            uint8[4] memory units,
            uint16[4] memory mult,
            uint32[4] memory rates,
            uint16 cut
        ) = policy.parameters();
        assertTrue(
            floors.point == 5000 && floors.memoryGiB == 2500 && floors.diskGiB == 50 && floors.gpu == 50_000,
            "floors"
        );
        assertTrue(
            defaults.point == 10_000 &&
                defaults.memoryGiB == 5000 &&
                defaults.diskGiB == 100 &&
                defaults.gpu == 100_000,
            "defaults"
        );
        assertTrue(units[0] == 12 && units[1] == 8 && units[2] == 6 && units[3] == 3, "units");
        assertTrue(
            mult[0] == 8000 && mult[1] == 10_000 && mult[2] == 12_000 && mult[3] == 15_000,
            "multipliers"
        );
        assertTrue(
            rates[0] == 5000 && rates[1] == 15_000 && rates[2] == 40_000 && rates[3] == 40_000,
            "rates"
        );
        assertEq(cut, 0, "cut");
        for (uint8 i = 0; i < 4; ++i) {
            (, , uint256 u, uint256 m, uint256 r, ) = policy.pricing(i, i);
            assertTrue(u == units[i] && m == mult[i] && r == rates[i], "pricing");
        }
    }

    function test_policy_staysWithinItsCaps() external {
        (
            Prices memory f,
            Prices memory d,
            uint8[4] memory u,
            uint16[4] memory m,
            uint32[4] memory r,

        ) = policy.parameters();
        vm.prank(STRANGER);
        vm.expectRevert();
        policy.setParameters(f, d, u, m, r, 0);
        vm.startPrank(OWNER);
        vm.expectRevert(_parameter("platformBps", 1501, 0, 1500));
        policy.setParameters(f, d, u, m, r, 1501);
        u[2] = 13;
        vm.expectRevert(_parameter("unitsPerVcpu", 13, 1, 12));
        policy.setParameters(f, d, u, m, r, 0);
        u[2] = 6;
        m[0] = 4999;
        vm.expectRevert(_parameter("bandwidthMultiplierBps", 4999, 5000, 30_000));
        policy.setParameters(f, d, u, m, r, 0);
        m[0] = 8000;
        r[3] = 1_000_001;
        vm.expectRevert(_parameter("bandwidthRate", 1_000_001, 0, 1_000_000));
        policy.setParameters(f, d, u, m, r, 0);
        r[3] = 40_000;
        f.gpu = 0;
        vm.expectRevert(_parameter("gpu", 0, 1, 10_000_000));
        policy.setParameters(f, d, u, m, r, 0);
        f.gpu = 100_001;
        vm.expectRevert(_parameter("gpu", 100_000, 100_001, 10_000_000));
        policy.setParameters(f, d, u, m, r, 0);
        f.gpu = 50_000;
        policy.setParameters(f, d, u, m, r, 1500);
        vm.stopPrank();
        (, , , , , uint16 cut) = policy.parameters();
        assertEq(cut, 1500, "cut");
        assertEq(policy.floors().gpu, 50_000, "floor");
    }

    function _field(string memory f, uint256 v, uint256 a, uint256 b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.NodeRegistry_FieldOutOfRange.selector, f, v, a, b);
    }

    function _parameter(
        string memory p,
        uint256 v,
        uint256 a,
        uint256 b
    ) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.PricePolicy_OutOfRange.selector, p, v, a, b);
    }

    function _refuse(address caller, INodeRegistry.Registration memory r, bytes memory reason) private {
        vm.prank(caller);
        vm.expectRevert(reason);
        registry.register(r);
    }
}
