// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { NodeRegistry } from "../../../contracts/src/NodeRegistry.sol";
import { Capacity, Prices } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice An ERC-1271 auditor: accepts what its owner's key signed, until it does not.
contract AuditorWallet {
    address private immutable _OWNER;
    bool public closed;

    constructor(address owner) {
        _OWNER = owner;
    }

    function close() external {
        closed = true;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s, uint8 v) = abi.decode(signature, (bytes32, bytes32, uint8));
        return !closed && ecrecover(digest, v, r, s) == _OWNER ? bytes4(0x1626ba7e) : bytes4(0);
    }
}

/// @notice A policy without floors.
contract NoFloors {
    function floors() external pure returns (Prices memory) {} // solhint-disable-line no-empty-blocks
}

/// @notice Identity, roles, relays and attributes, as listed in NodeRegistry.tree. Registration, prices and bounds are in
/// Market.test.sol.
contract NodeRegistryTest is Fixture {
    uint256 internal constant AUDITOR_KEY = 0xA0D1;
    bytes32 internal constant CERTIFIED = "iso-27001";
    address internal auditor = vm.addr(AUDITOR_KEY);

    // ------------------------------------------------------------------------------------------------ identity

    function test_nodeId_isSha256OfMachineAndWallet() external {
        bytes32 machine = 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f;
        address wallet = 0x2021222324252627282930313233343536373839;
        uint32 added = _register(wallet, machine, address(0xAE1));
        // Of these 52 bytes, by sha256sum(1): nothing stands between machine and wallet.
        bytes32 expected = 0xe39e3ee847f8e96b28a789a3689b6e462d16c04ea3b67b83b07ba531a7660721;
        assertTrue(registry.nodeIdOf(added) == expected, "node id");
    }

    /// @notice Two registrations share an id exactly when machine and wallet are the same, and then the second is refused.
    function testFuzz_nodeId_isUnique(
        bytes32 machineA,
        bytes32 machineB,
        address walletA,
        address walletB,
        bool sameMachine,
        bool sameWallet
    ) external {
        if (sameMachine) machineB = machineA;
        if (sameWallet) walletB = walletA;
        vm.assume(machineA != 0 && machineB != 0 && walletA != address(0) && walletB != address(0));
        (address agentA, address agentB) = (address(0xAE1), address(0xAE2));
        vm.assume(walletA != agentA && walletB != agentB);
        vm.assume(walletA != OPERATOR && walletB != OPERATOR);
        uint32 first = _register(walletA, machineA, agentA);
        bytes32 id = registry.nodeIdOf(first);
        bool equal = machineA == machineB && walletA == walletB;
        INodeRegistry.Registration memory r = _registration(machineB, agentB);
        vm.prank(walletB);
        if (equal) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_NodeIdTaken.selector, id, first));
            registry.register(r);
            assertEq(registry.nodeCount(), 2, "nothing was added");
            return;
        }
        uint32 second = registry.register(r);
        assertTrue(registry.nodeIdOf(second) != id, "another id");
        assertEq(registry.indexOf(id), first, "each id has its index");
        assertEq(registry.indexOf(registry.nodeIdOf(second)), second, "each index its id");
        assertEq(second, first + 1, "indices without gaps");
    }

    function test_nodeId_staysTakenAfterTheMachineWasHandedOver() external {
        bytes32 id = registry.nodeIdOf(node);
        _handOver(STRANGER);
        INodeRegistry.Registration memory r = _registration(keccak256("machine"), address(0xAE1));
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_NodeIdTaken.selector, id, node));
        registry.register(r);
    }

    function test_register_refusesNoMachine() external {
        INodeRegistry.Registration memory r = _registration(0, address(0xAE1));
        vm.prank(STRANGER);
        vm.expectRevert(_field("machineId", 0, 1, type(uint256).max));
        registry.register(r);
        assertEq(registry.nodeOfAgent(address(0xAE1)), 0, "the agent is free");
    }

    // ------------------------------------------------------------------------------------------------ operator, agent

    function test_operator_isProposedAndAccepts() external {
        vm.prank(OPERATOR);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.OperatorProposed({ node: node, operator: OPERATOR, proposed: STRANGER });
        registry.proposeOperator(node, STRANGER);
        assertTrue(registry.offer(node).operator == OPERATOR, "nothing changes before the second step");
        assertTrue(registry.pendingOperatorOf(node) == STRANGER, "pending");
        _refuseAccept(OPERATOR, STRANGER);
        vm.prank(STRANGER);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.OperatorChanged({ node: node, operator: STRANGER });
        registry.acceptOperator(node);
        assertTrue(registry.offer(node).operator == STRANGER, "operator");
        _refuseAccept(STRANGER, address(0));
        vm.prank(OPERATOR);
        vm.expectRevert(_notOperator(node, STRANGER, OPERATOR));
        registry.setActive(node, false);
    }

    function test_operator_aProposalCanBeWithdrawnOrReplaced() external {
        vm.startPrank(OPERATOR);
        registry.proposeOperator(node, STRANGER);
        registry.proposeOperator(node, OWNER);
        vm.stopPrank();
        _refuseAccept(STRANGER, OWNER);
        vm.prank(OPERATOR);
        registry.proposeOperator(node, address(0));
        _refuseAccept(OWNER, address(0));
        _refuseAccept(STRANGER, address(0));
    }

    function test_operator_cannotBecomeTheAgentNorTheAgentTheOperator() external {
        bytes memory reason = abi.encodeWithSelector(Errors.NodeRegistry_AgentIsOperator.selector, AGENT);
        vm.prank(OPERATOR);
        registry.proposeOperator(node, AGENT);
        vm.prank(AGENT);
        vm.expectRevert(reason);
        registry.acceptOperator(node);
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_AgentIsOperator.selector, OPERATOR));
        registry.setAgent(node, OPERATOR);
        assertTrue(registry.agentOf(node) == AGENT, "the agent stays");
        assertEq(registry.nodeOfAgent(AGENT), node, "and serves");
        vm.prank(OPERATOR);
        registry.setAgent(node, STRANGER);
        vm.prank(AGENT);
        registry.acceptOperator(node);
        assertTrue(registry.offer(node).operator == AGENT, "a former agent may operate");
    }

    function test_agent_isNotTheOperator() external {
        vm.startPrank(AGENT);
        bytes memory reason = _notOperator(node, OPERATOR, AGENT);
        vm.expectRevert(reason);
        registry.setPrices(node, Prices(0, 0, 0, 0));
        vm.expectRevert(reason);
        registry.setAgent(node, STRANGER);
        vm.expectRevert(reason);
        registry.proposeOperator(node, AGENT);
        vm.expectRevert(reason);
        registry.setRelayOffer(node, 1);
        vm.expectRevert(reason);
        registry.setProfile(node, "", new bytes32[](0));
        vm.stopPrank();
    }

    function testFuzz_sealingKey_hasAnEpochThatOnlyRises(uint8 times) external {
        uint256 rounds = times % 8;
        vm.startPrank(OPERATOR);
        for (uint256 i = 1; i <= rounds; ++i) {
            // The same key sealed to again is a new epoch too.
            vmEvents.expectEmit(address(registry));
            emit INodeRegistry.SealingKeyChanged(node, bytes32(uint256(7)), uint32(i + 1));
            registry.setSealingKey(node, bytes32(uint256(7)));
        }
        vm.stopPrank();
        (bytes32 key, uint32 epoch) = registry.sealingKeyOf(node);
        assertEq(epoch, 1 + rounds, "epoch");
        assertTrue(key == (rounds == 0 ? keccak256("sealing key") : bytes32(uint256(7))), "key");
        (key, epoch) = registry.sealingKeyOf(9);
        assertTrue(key == 0 && epoch == 0, "no node, no key");
    }

    // ------------------------------------------------------------------------------------------------ setters

    function test_setNetwork_byOperatorOrAgentWithinBounds() external {
        INodeRegistry.Network memory network = INodeRegistry.Network({
            peerId: new bytes(64),
            addresses: new string[](8),
            wireguardKey: keccak256("wireguard"),
            behindNat: true
        });
        for (uint256 i = 0; i < 8; ++i) network.addresses[i] = string(new bytes(256));
        vm.prank(STRANGER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_NotOperator.selector, node, OPERATOR, STRANGER)
        );
        registry.setNetwork(node, network);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.NetworkChanged({ node: node, network: network });
        vm.prank(AGENT);
        registry.setNetwork(node, network);
        (bytes32 key, bool behindNat) = registry.networkOf(node);
        assertTrue(key == keccak256("wireguard") && behindNat, "by the agent");
        vm.startPrank(OPERATOR);
        network.addresses[7] = string(new bytes(257));
        vm.expectRevert(_field("address", 257, 1, 256));
        registry.setNetwork(node, network);
        network.addresses[7] = "";
        vm.expectRevert(_field("address", 0, 1, 256));
        registry.setNetwork(node, network);
        (network.addresses[0], network.addresses[7]) = ("", "/ip4/192.0.2.1/tcp/4001");
        vm.expectRevert(_field("address", 0, 1, 256));
        registry.setNetwork(node, network);
        network.addresses = new string[](9);
        vm.expectRevert(_field("addresses", 9, 0, 8));
        registry.setNetwork(node, network);
        network.peerId = new bytes(65);
        vm.expectRevert(_field("peerId", 65, 0, 64));
        registry.setNetwork(node, network);
        INodeRegistry.Network memory nothing;
        registry.setNetwork(node, nothing);
        vm.stopPrank();
        (key, behindNat) = registry.networkOf(node);
        assertTrue(key == 0 && !behindNat, "taken back");
    }

    function test_register_withPricesOfItsOwnAndSomethingOfEverything() external {
        INodeRegistry.Registration memory own = registration();
        own.machineId = keccak256("another machine");
        own.agent = address(0xB99);
        own.prices = Prices(5001, 2501, 51, 50_001);
        vm.startPrank(OPERATOR);
        uint32 other = registry.register(own);
        Prices memory prices = registry.offer(other).prices;
        assertTrue(prices.point == 5001 && prices.memoryGiB == 2501, "point, memory");
        assertTrue(prices.diskGiB == 51 && prices.gpu == 50_001, "disk, GPU");
        assertTrue(registry.hasCustomPricing(other) && !registry.hasCustomPricing(node), "custom");
        Capacity memory capacity = Capacity(1, 1, 1, 0);
        registry.setCapacity(other, capacity);
        capacity.diskGiB = 0;
        vm.expectRevert(_field("diskGiB", 0, 1, type(uint32).max));
        registry.setCapacity(other, capacity);
        capacity = Capacity(1, 0, 1, 0);
        vm.expectRevert(_field("memoryMiB", 0, 1, type(uint40).max));
        registry.setCapacity(other, capacity);
        capacity = Capacity(0, 1, 1, 0);
        vm.expectRevert(_field("pointUnits", 0, 1, type(uint32).max));
        registry.setCapacity(other, capacity);
        vm.stopPrank();
    }

    function test_hasCustomPricing_whicheverPriceItIs() external {
        NodeRegistry free = NodeRegistry(deploy("NodeRegistry", abi.encode(new NoFloors())));
        vm.startPrank(OPERATOR);
        uint32 first = free.register(registration());
        assertTrue(!free.hasCustomPricing(first), "none");
        Prices[4] memory ones = [
            Prices(1, 0, 0, 0),
            Prices(0, 1, 0, 0),
            Prices(0, 0, 1, 0),
            Prices(0, 0, 0, 1)
        ];
        for (uint256 i = 0; i < 4; ++i) {
            free.setPrices(first, ones[i]);
            assertTrue(free.hasCustomPricing(first), "one");
        }
        vm.stopPrank();
    }

    function test_register_saysSoAndRefusesAnEndpointThatIsTooLong() external {
        INodeRegistry.Registration memory own = registration();
        own.machineId = keccak256("another machine");
        own.agent = address(0xB99);
        own.endpoint = string(new bytes(257));
        vm.startPrank(OPERATOR);
        vm.expectRevert(_field("endpoint", 257, 0, 256));
        registry.register(own);
        own.endpoint = "https://another.example";
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.NodeRegistered({
            node: 2,
            nodeId: sha256(abi.encodePacked(own.machineId, OPERATOR)),
            operator: OPERATOR,
            registration: own
        });
        registry.register(own);
        vm.stopPrank();
    }

    function test_acceptOperator_notByTheZeroAddressOfNoProposal() external {
        vm.prank(address(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.NodeRegistry_NotPendingOperator.selector,
                node,
                address(0),
                address(0)
            )
        );
        registry.acceptOperator(node);
    }

    function test_setters_keepWhatTheySay() external {
        Capacity memory capacity = Capacity(type(uint32).max, type(uint40).max, type(uint32).max, 65_535);
        Prices memory prices = Prices(5000, 2500, 50, type(uint40).max);
        vm.startPrank(OPERATOR);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.NodeActiveChanged({ node: node, active: false });
        registry.setActive(node, false);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.CapacityChanged({ node: node, capacity: capacity });
        registry.setCapacity(node, capacity);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.EndpointChanged({ node: node, endpoint: "https://moved.example" });
        registry.setEndpoint(node, "https://moved.example");
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.PricesChanged({ node: node, prices: prices });
        registry.setPrices(node, prices);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.TermsChanged({ node: node, minCharge: 300, notice: 30 days });
        registry.setTerms(node, 300, 30 days);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.AgentChanged({ node: node, agent: STRANGER });
        registry.setAgent(node, STRANGER);
        vm.stopPrank();
        INodeRegistry.Offer memory offer = registry.offer(node);
        assertTrue(!offer.active && offer.agent == STRANGER, "drained, another agent");
        assertTrue(offer.minCharge == 300 && offer.notice == 30 days, "terms");
        assertTrue(keccak256(abi.encode(offer.capacity)) == keccak256(abi.encode(capacity)), "capacity");
        assertTrue(keccak256(abi.encode(offer.prices)) == keccak256(abi.encode(prices)), "prices");
    }

    // ------------------------------------------------------------------------------------------------ prices, profile

    function test_hasCustomPricing_whenAnyPriceIsItsOwn() external {
        assertTrue(!registry.hasCustomPricing(node), "defaults");
        assertTrue(!registry.hasCustomPricing(9), "no node");
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices(5000, 2500, 50, 50_000));
        assertTrue(registry.hasCustomPricing(node), "its own");
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices(0, 0, 0, 0));
        assertTrue(!registry.hasCustomPricing(node), "defaults again");
    }

    function testFuzz_hasCustomPricing_saysWhetherThereIsAPrice(uint64[4] memory p) external {
        Prices memory floors = policy.floors();
        p[0] = uint64(bound(p[0], floors.point, type(uint40).max));
        p[1] = uint64(bound(p[1], floors.memoryGiB, type(uint40).max));
        p[2] = uint64(bound(p[2], floors.diskGiB, type(uint40).max));
        p[3] = uint64(bound(p[3], floors.gpu, type(uint40).max));
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices(p[0], p[1], p[2], p[3]));
        assertTrue(registry.hasCustomPricing(node), "custom");
        Prices memory kept = registry.offer(node).prices;
        assertTrue(kept.point == p[0] && kept.memoryGiB == p[1], "point, memory");
        assertTrue(kept.diskGiB == p[2] && kept.gpu == p[3], "disk, gpu");
    }

    function test_profile_isTheOperatorsWithinBounds() external {
        bytes32[] memory tags = new bytes32[](10);
        tags[9] = "nvme";
        string memory description = string(new bytes(1000));
        vm.prank(OPERATOR);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.ProfileChanged({ node: node, description: description, tags: tags });
        registry.setProfile(node, description, tags);
        vm.prank(OPERATOR);
        vm.expectRevert(_field("description", 1001, 0, 1000));
        registry.setProfile(node, string(new bytes(1001)), tags);
        vm.prank(OPERATOR);
        vm.expectRevert(_field("tags", 11, 0, 10));
        registry.setProfile(node, description, new bytes32[](11));
        vm.prank(STRANGER);
        vm.expectRevert(_notOperator(node, OPERATOR, STRANGER));
        registry.setProfile(node, "", tags);
    }

    // ------------------------------------------------------------------------------------------------ relays

    function test_relayOffer_isTheOperatorsUpTo196() external {
        vm.startPrank(OPERATOR);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.RelayOfferChanged({ node: node, capacity: 196 });
        registry.setRelayOffer(node, 196);
        _assertRelay(node, 196, 0);
        vm.expectRevert(_field("relayCapacity", 197, 0, 196));
        registry.setRelayOffer(node, 197);
        vm.stopPrank();
        vm.prank(STRANGER);
        vm.expectRevert(_notOperator(node, OPERATOR, STRANGER));
        registry.setRelayOffer(node, 1);
    }

    function test_chooseRelay_takesAPlaceAndNamesTheShare() external {
        uint32 behind = _newNode(1);
        _offer(node, 2);
        vm.prank(_operator(1));
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.RelayChosen({ node: behind, relay: node });
        registry.chooseRelay(behind, node);
        _assertRelay(node, 2, 1);
        assertEq(registry.offer(behind).relay, node, "relay");
        assertEq(registry.offer(behind).relayBps, 2000, "share");
        // Choosing it again takes no second place.
        vm.prank(_operator(1));
        registry.chooseRelay(behind, node);
        _assertRelay(node, 2, 1);
        vm.prank(_agent(1));
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.RelayChosen({ node: behind, relay: 0 });
        registry.chooseRelay(behind, 0);
        _assertRelay(node, 2, 0);
        assertEq(registry.offer(behind).relay, 0, "none");
        assertEq(registry.offer(behind).relayBps, 0, "no share");
    }

    function test_chooseRelay_isTheOperatorsOrTheAgents() external {
        uint32 behind = _newNode(1);
        _offer(node, 1);
        address[3] memory others = [STRANGER, OPERATOR, AGENT];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(_notOperator(behind, _operator(1), others[i]));
            registry.chooseRelay(behind, node);
        }
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_UnknownNode.selector, 9));
        registry.chooseRelay(9, node);
        _choose(1, behind, node);
        _assertRelay(node, 1, 1);
    }

    function test_chooseRelay_refusesSelfChainsAndTheUnknown() external {
        (uint32 a, uint32 b) = (_newNode(1), _newNode(2));
        _offer(node, 5);
        vm.prank(_operator(1));
        registry.setRelayOffer(a, 5);
        _refuseRelay(1, a, a, 0, 5);
        _refuseRelay(1, a, 9, 0, 0);
        _refuseRelay(1, a, b, 0, 0);
        _choose(1, a, node);
        // Behind a relay it offers nothing, and nobody gets behind it.
        _assertRelay(a, 0, 0);
        _refuseRelay(2, b, a, 0, 5);
        _choose(1, a, 0);
        _assertRelay(a, 5, 0);
        _choose(2, b, a);
        // One that serves others cannot go behind a third.
        _refuseRelay(1, a, node, 0, 5);
        _choose(2, b, 0);
        _choose(1, a, node);
        _assertRelay(node, 5, 1);
    }

    function test_chooseRelay_switchingMovesThePlace() external {
        (uint32 other, uint32 behind) = (_newNode(1), _newNode(2));
        _offer(node, 1);
        vm.prank(_operator(1));
        registry.setRelayOffer(other, 1);
        _choose(2, behind, node);
        _choose(2, behind, other);
        _assertRelay(node, 1, 0);
        _assertRelay(other, 1, 1);
        // A refused switch leaves everything where it was.
        uint32 late = _newNode(3);
        _choose(3, late, node);
        _refuseRelay(3, late, other, 1, 1);
        _assertRelay(node, 1, 1);
        _assertRelay(other, 1, 1);
        assertEq(registry.offer(late).relay, node, "still behind the first");
    }

    function test_relayOffer_loweredDropsNobodyAndTakesNobody() external {
        (uint32 a, uint32 b, uint32 c) = (_newNode(1), _newNode(2), _newNode(3));
        _offer(node, 2);
        _choose(1, a, node);
        _choose(2, b, node);
        _refuseRelay(3, c, node, 2, 2);
        _offer(node, 1);
        _assertRelay(node, 1, 2);
        assertEq(registry.offer(a).relay, node, "a stays");
        assertEq(registry.offer(b).relay, node, "b stays");
        _refuseRelay(3, c, node, 2, 1);
        _choose(1, a, 0);
        _refuseRelay(3, c, node, 1, 1);
        _choose(2, b, 0);
        _choose(3, c, node);
        _assertRelay(node, 1, 1);
    }

    function test_dropRelayed_freesThePlacesOfTheDead() external {
        (uint32 a, uint32 b, uint32 c) = (_newNode(1), _newNode(2), _newNode(3));
        _offer(node, 2);
        _choose(1, a, node);
        _choose(2, b, node);
        // Twice the same, one that is not behind it, one that does not exist, the relay itself.
        uint32[] memory ids = new uint32[](5);
        (ids[0], ids[1], ids[2], ids[3], ids[4]) = (a, a, c, 99, node);
        vm.prank(AGENT);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.RelayChosen({ node: a, relay: 0 });
        registry.dropRelayed(node, ids);
        _assertRelay(node, 2, 1);
        assertEq(registry.offer(a).relay, 0, "dropped");
        assertEq(registry.offer(a).relayBps, 0, "and pays no share");
        assertEq(registry.offer(b).relay, node, "the other stays");
        _choose(3, c, node);
        _assertRelay(node, 2, 2);
        ids = new uint32[](2);
        (ids[0], ids[1]) = (b, c);
        vm.prank(OPERATOR);
        registry.dropRelayed(node, ids);
        _assertRelay(node, 2, 0);
    }

    function test_dropRelayed_isTheRelaysOwn() external {
        (uint32 a, uint32 b) = (_newNode(1), _newNode(2));
        _offer(node, 2);
        _choose(1, a, node);
        _choose(2, b, node);
        uint32[] memory ids = new uint32[](1);
        ids[0] = a;
        address[3] memory others = [STRANGER, _operator(1), _agent(2)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(_notOperator(node, OPERATOR, others[i]));
            registry.dropRelayed(node, ids);
        }
        // Another relay's operator reaches only those behind its own.
        vm.prank(_operator(2));
        registry.dropRelayed(b, ids);
        assertEq(registry.offer(a).relay, node, "stays");
        vm.prank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_UnknownNode.selector, 0));
        registry.dropRelayed(0, ids);
    }

    /// @notice Whatever happens in whatever order: the places taken are the nodes that are there, and nobody serves who is
    /// served.
    function testFuzz_relays_placesTakenAreTheNodesThere(uint256 seed) external {
        uint32[6] memory ids;
        for (uint256 i = 1; i < 6; ++i) {
            ids[i] = _newNode(i);
            vm.prank(_operator(i));
            registry.setRelayOffer(ids[i], 2);
        }
        for (uint256 step = 0; step < 40; ++step) {
            uint256 word = uint256(keccak256(abi.encode(seed, step)));
            uint256 who = 1 + (word % 5);
            uint32 other = ids[(word >> 8) % 6];
            vm.prank(_operator(who));
            uint256 kind = (word >> 16) % 4;
            if (kind == 0) {
                registry.setRelayOffer(ids[who], uint16((word >> 24) % 4));
            } else if (kind == 1) {
                uint32[] memory dropped = new uint32[](1);
                dropped[0] = other;
                registry.dropRelayed(ids[who], dropped);
            } else {
                // solhint-disable-next-line no-empty-blocks
                try registry.chooseRelay(ids[who], other) {} catch {}
            }
            _assertPlaces(ids);
        }
    }

    // ------------------------------------------------------------------------------------------------ attributes

    function test_domain_isThatOfEip712() external view {
        bytes32 typeHash = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        );
        bytes32 expected = keccak256(
            abi.encode(
                typeHash,
                keccak256("DeCloud NodeRegistry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        assertTrue(registry.DOMAIN_SEPARATOR() == expected, "domain");
    }

    function test_attest_recordsWhatTheAuditorSigned() external {
        uint40 issuedAt = uint40(vm.getBlockTimestamp());
        uint40 expiresAt = issuedAt + 365 days;
        bytes memory signature = _sign(node, CERTIFIED, issuedAt, expiresAt);
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), 0, "none yet");
        vm.prank(STRANGER);
        vmEvents.expectEmit(address(registry));
        emit INodeRegistry.AttributeAttested(node, CERTIFIED, auditor, issuedAt, expiresAt);
        registry.attest(node, CERTIFIED, auditor, issuedAt, expiresAt, signature);
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), expiresAt, "expiry");
        assertEq(registry.attributeExpiry(node, "other", auditor), 0, "no other attribute");
        assertEq(registry.attributeExpiry(node, CERTIFIED, STRANGER), 0, "no other auditor");
        assertEq(registry.attributeExpiry(node + 1, CERTIFIED, auditor), 0, "no other node");
    }

    /// @notice A signature is over exactly this node, attribute, pair of times, chain and contract.
    function testFuzz_attest_refusesAnythingElseThanWasSigned(uint8 field, uint40 delta) external {
        uint32 other = _newNode(1);
        uint40 issuedAt = uint40(vm.getBlockTimestamp());
        uint40 expiresAt = issuedAt + 30 days;
        bytes memory signature = _sign(node, CERTIFIED, issuedAt, expiresAt);
        delta = uint40(bound(delta, 1, issuedAt - 1));
        field = field % 5;
        uint32 about = field == 0 ? other : node;
        bytes32 attribute = field == 1 ? bytes32("gpu-genuine") : CERTIFIED;
        address claimed = field == 2 ? STRANGER : auditor;
        if (field == 3) issuedAt -= delta;
        if (field == 4) expiresAt += delta;
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_BadSignature.selector, claimed));
        registry.attest(about, attribute, claimed, issuedAt, expiresAt, signature);
    }

    function test_attest_refusesWhatIsNoSignature() external {
        uint40 now_ = uint40(vm.getBlockTimestamp());
        bytes memory good = _sign(node, CERTIFIED, now_, now_ + 1);
        bytes[4] memory bad = [bytes(""), new bytes(65), abi.encodePacked(good, bytes1(0)), _malleable(good)];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_BadSignature.selector, auditor));
            registry.attest(node, CERTIFIED, auditor, now_, now_ + 1, bad[i]);
        }
        // Nobody's signature recovers to the zero address.
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_BadSignature.selector, address(0)));
        registry.attest(node, CERTIFIED, address(0), now_, now_ + 1, new bytes(65));
    }

    function test_attest_isOfThisContractAndOfANodeThatExists() external {
        uint40 now_ = uint40(vm.getBlockTimestamp());
        bytes memory signature = _sign(2, CERTIFIED, now_, now_ + 1);
        uint32[2] memory unknown = [uint32(0), 2];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_UnknownNode.selector, unknown[i]));
            registry.attest(unknown[i], CERTIFIED, auditor, now_, now_ + 1, signature);
        }
        // A word about another registry's node 1 is none about this one's.
        bytes32 foreign = keccak256(
            abi.encodePacked(hex"1901", keccak256("another domain"), _hash(node, CERTIFIED, now_, now_ + 1))
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(AUDITOR_KEY, foreign);
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_BadSignature.selector, auditor));
        registry.attest(node, CERTIFIED, auditor, now_, now_ + 1, abi.encodePacked(r, s, v));
    }

    function test_attest_replayedOrOlderIsRefused() external {
        uint40 start = uint40(vm.getBlockTimestamp());
        bytes memory first = _sign(node, CERTIFIED, start, start + 30 days);
        bytes memory older = _sign(node, CERTIFIED, start - 1, start + 60 days);
        registry.attest(node, CERTIFIED, auditor, start, start + 30 days, first);
        forward(1 days);
        uint256 later = vm.getBlockTimestamp();
        vm.expectRevert(_field("issuedAt", start, uint256(start) + 1, later));
        registry.attest(node, CERTIFIED, auditor, start, start + 30 days, first);
        vm.expectRevert(_field("issuedAt", start - 1, uint256(start) + 1, later));
        registry.attest(node, CERTIFIED, auditor, start - 1, start + 60 days, older);
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), start + 30 days, "the first holds");
        _attest(start + 1, start + 90 days);
        assertEq(
            registry.attributeExpiry(node, CERTIFIED, auditor),
            start + 90 days,
            "a later one replaces it"
        );
    }

    function test_attest_anExpiryInThePastRevokesForGood() external {
        uint40 start = uint40(vm.getBlockTimestamp());
        bytes memory first = _sign(node, CERTIFIED, start, start + 365 days);
        registry.attest(node, CERTIFIED, auditor, start, start + 365 days, first);
        forward(1 hours);
        uint40 issuedAt = uint40(vm.getBlockTimestamp());
        _attest(issuedAt, issuedAt - 1);
        assertLe(registry.attributeExpiry(node, CERTIFIED, auditor), vm.getBlockTimestamp(), "over");
        vm.expectRevert(_field("issuedAt", start, uint256(issuedAt) + 1, issuedAt));
        registry.attest(node, CERTIFIED, auditor, start, start + 365 days, first);
        // Revoked before anybody posted it: what was signed earlier never takes hold.
        bytes memory unposted = _sign(node, CERTIFIED, start + 5, start + 365 days);
        vm.expectRevert(_field("issuedAt", start + 5, uint256(issuedAt) + 1, issuedAt));
        registry.attest(node, CERTIFIED, auditor, start + 5, start + 365 days, unposted);
    }

    function testFuzz_attest_ofTheFutureWaits(uint32 ahead) external {
        ahead = uint32(bound(ahead, 1, 365 days));
        uint256 start = vm.getBlockTimestamp();
        uint40 issuedAt = uint40(start + ahead);
        bytes memory signature = _sign(node, CERTIFIED, issuedAt, issuedAt + 1);
        vm.expectRevert(_field("issuedAt", issuedAt, 1, start));
        registry.attest(node, CERTIFIED, auditor, issuedAt, issuedAt + 1, signature);
        forward(ahead);
        registry.attest(node, CERTIFIED, auditor, issuedAt, issuedAt + 1, signature);
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), issuedAt + 1, "expiry");
    }

    function test_attest_acceptsAWallet() external {
        AuditorWallet wallet = new AuditorWallet(auditor);
        uint40 now_ = uint40(vm.getBlockTimestamp());
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(AUDITOR_KEY, _digest(node, CERTIFIED, now_, now_ + 9));
        bytes memory signature = abi.encode(r, s, v);
        registry.attest(node, CERTIFIED, address(wallet), now_, now_ + 9, signature);
        assertEq(registry.attributeExpiry(node, CERTIFIED, address(wallet)), now_ + 9, "the wallet's word");
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), 0, "not its owner's");
        forward(1);
        (v, r, s) = vm.sign(AUDITOR_KEY, _digest(node, CERTIFIED, now_ + 1, now_ + 9));
        wallet.close();
        vm.expectRevert(abi.encodeWithSelector(Errors.NodeRegistry_BadSignature.selector, address(wallet)));
        registry.attest(node, CERTIFIED, address(wallet), now_ + 1, now_ + 9, abi.encode(r, s, v));
    }

    function test_attest_staysWithTheMachineWhenTheOperatorChanges() external {
        uint40 now_ = uint40(vm.getBlockTimestamp());
        _attest(now_, now_ + 9);
        _handOver(STRANGER);
        assertEq(registry.attributeExpiry(node, CERTIFIED, auditor), now_ + 9, "stays");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _agent(uint256 i) private pure returns (address) {
        return address(uint160(0xAA0000 + i));
    }

    function _operator(uint256 i) private pure returns (address) {
        return address(uint160(0xBB0000 + i));
    }

    function _registration(
        bytes32 machine,
        address agent
    ) private pure returns (INodeRegistry.Registration memory r) {
        r = registration();
        (r.machineId, r.agent) = (machine, agent);
    }

    function _register(address wallet, bytes32 machine, address agent) private returns (uint32) {
        INodeRegistry.Registration memory r = _registration(machine, agent);
        vm.prank(wallet);
        return registry.register(r);
    }

    function _newNode(uint256 i) private returns (uint32) {
        return _register(_operator(i), keccak256(abi.encode("machine", i)), _agent(i));
    }

    function _handOver(address to) private {
        vm.prank(OPERATOR);
        registry.proposeOperator(node, to);
        vm.prank(to);
        registry.acceptOperator(node);
    }

    function _offer(uint32 relay, uint16 capacity) private {
        vm.prank(OPERATOR);
        registry.setRelayOffer(relay, capacity);
    }

    function _choose(uint256 i, uint32 behind, uint32 relay) private {
        vm.prank(_agent(i));
        registry.chooseRelay(behind, relay);
    }

    function _refuseRelay(uint256 i, uint32 behind, uint32 relay, uint256 used, uint256 capacity) private {
        vm.prank(_agent(i));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_RelayUnavailable.selector, relay, used, capacity)
        );
        registry.chooseRelay(behind, relay);
    }

    function _refuseAccept(address caller, address pending) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.NodeRegistry_NotPendingOperator.selector, node, pending, caller)
        );
        registry.acceptOperator(node);
    }

    function _assertRelay(uint32 relay, uint256 capacity, uint256 used) private view {
        (uint16 offered, uint16 taken) = registry.relayOfferOf(relay);
        assertEq(offered, capacity, "capacity");
        assertEq(taken, used, "used");
    }

    function _assertPlaces(uint32[6] memory ids) private view {
        uint256[6] memory there;
        for (uint256 i = 1; i < 6; ++i) {
            INodeRegistry.Offer memory offer = registry.offer(ids[i]);
            assertEq(offer.relayBps, offer.relay == 0 ? 0 : 2000, "share");
            for (uint256 j = 1; j < 6; ++j) if (offer.relay == ids[j]) ++there[j];
        }
        for (uint256 i = 1; i < 6; ++i) {
            (, uint16 taken) = registry.relayOfferOf(ids[i]);
            assertEq(taken, there[i], "places taken");
            assertTrue(taken == 0 || registry.offer(ids[i]).relay == 0, "no chain");
        }
    }

    function _hash(
        uint32 about,
        bytes32 attribute,
        uint40 issuedAt,
        uint40 expiresAt
    ) private pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256("Attribute(uint32 node,bytes32 attribute,uint40 issuedAt,uint40 expiresAt)"),
                    about,
                    attribute,
                    issuedAt,
                    expiresAt
                )
            );
    }

    function _digest(
        uint32 about,
        bytes32 attribute,
        uint40 issuedAt,
        uint40 expiresAt
    ) private view returns (bytes32) {
        return
            keccak256(
                abi.encodePacked(
                    hex"1901",
                    registry.DOMAIN_SEPARATOR(),
                    _hash(about, attribute, issuedAt, expiresAt)
                )
            );
    }

    function _sign(
        uint32 about,
        bytes32 attribute,
        uint40 issuedAt,
        uint40 expiresAt
    ) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            AUDITOR_KEY,
            _digest(about, attribute, issuedAt, expiresAt)
        );
        return abi.encodePacked(r, s, v);
    }

    function _attest(uint40 issuedAt, uint40 expiresAt) private {
        bytes memory signature = _sign(node, CERTIFIED, issuedAt, expiresAt);
        registry.attest(node, CERTIFIED, auditor, issuedAt, expiresAt, signature);
    }

    /// @dev The other point with the same x: s → n − s.
    function _malleable(bytes memory signature) private pure returns (bytes memory) {
        bytes32 r;
        uint256 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        uint8 v = uint8(signature[64]) == 27 ? 28 : 27;
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        return abi.encodePacked(r, order - s, v);
    }

    function _field(string memory f, uint256 v, uint256 a, uint256 b) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.NodeRegistry_FieldOutOfRange.selector, f, v, a, b);
    }

    function _notOperator(
        uint32 about,
        address operator,
        address caller
    ) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.NodeRegistry_NotOperator.selector, about, operator, caller);
    }
}
