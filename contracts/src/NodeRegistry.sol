// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IPricePolicy } from "./interfaces/IPricePolicy.sol";
import { Errors } from "./libraries/Errors.sol";
import { Pricing } from "./libraries/Pricing.sol";
import { Capacity, Prices } from "./types/DataTypes.sol";

/// @title NodeRegistry
/// @notice See the documentation in {INodeRegistry}.
contract NodeRegistry is INodeRegistry {
    uint256 public constant MAX_MIN_CHARGE = 5 minutes;
    uint256 public constant MAX_NOTICE = 30 days;
    uint256 public constant MAX_ENDPOINT_BYTES = 256;

    /// @notice Highest price of a resource, µUSDC per hour: a million dollars.
    uint256 public constant MAX_PRICE = type(uint40).max;

    /// @notice What a relay gets of a node behind it, after the platform's cut.
    uint16 public constant RELAY_BPS = 2000;
    /// @notice A relay serves a /24: .254 is itself, .2 to .197 are nodes.
    uint256 public constant MAX_RELAY_CAPACITY = 196;
    uint256 public constant MAX_DESCRIPTION_BYTES = 1000;
    uint256 public constant MAX_TAGS = 10;
    uint256 public constant MAX_PEER_ID_BYTES = 64;
    uint256 public constant MAX_ADDRESSES = 8;
    uint256 public constant MAX_ADDRESS_BYTES = 256;

    /// @dev As in ERC-5267: name, version, chain and contract. OpenZeppelin's own {EIP712} would add an event to the ABI
    /// that is about no node.
    bytes1 private constant _DOMAIN_FIELDS = 0x0f;
    bytes32 private constant _ATTRIBUTE_TYPEHASH = keccak256(
        "Attribute(uint32 node,bytes32 attribute,uint40 issuedAt,uint40 expiresAt)"
    );

    /// @dev One slot.
    struct Attribute {
        uint40 issuedAt;
        uint40 expiresAt;
    }

    /// @dev Five slots; an offer reads the first three.
    struct Node {
        address operator;
        bytes8 region;
        uint32 relay;
        address agent;
        uint32 pointUnits;
        uint24 notice;
        uint16 minCharge;
        uint16 relayBps;
        bool active;
        uint40 memoryMiB;
        uint32 diskGiB;
        uint16 gpus;
        uint40 pointPrice;
        uint40 memoryPrice;
        uint40 diskPrice;
        uint40 gpuPrice;
        bytes32 sealingKey;
        address pendingOperator;
        uint32 sealingKeyEpoch;
        uint16 relayCapacity;
        uint16 relayed;
        bool behindNat;
        bytes32 wireguardKey;
    }

    /// @notice Where the floors come from.
    IPricePolicy public immutable POLICY;

    /// @inheritdoc INodeRegistry
    uint32 public override nodeCount;

    /// @inheritdoc INodeRegistry
    mapping(address agent => uint32) public override nodeOfAgent;

    /// @inheritdoc INodeRegistry
    mapping(bytes32 nodeId => uint32) public override indexOf;

    /// @inheritdoc INodeRegistry
    mapping(uint32 node => bytes32) public override nodeIdOf;

    mapping(uint32 node => Node) private _nodes;

    mapping(bytes32 key => Attribute) private _attributes;

    constructor(IPricePolicy policy) {
        POLICY = policy;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc INodeRegistry
    function agentOf(uint32 node) external view override returns (address) {
        return _nodes[node].agent;
    }

    /// @inheritdoc INodeRegistry
    function attributeExpiry(
        uint32 node,
        bytes32 attribute,
        address auditor
    ) external view override returns (uint40) {
        return _attributes[keccak256(abi.encode(node, attribute, auditor))].expiresAt;
    }

    /// @inheritdoc INodeRegistry
    // The name EIP-712 contracts are asked by.
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() public view override returns (bytes32) {
        return
            MessageHashUtils.toDomainSeparator({
                fields: _DOMAIN_FIELDS,
                name: "DeCloud NodeRegistry",
                version: "1",
                chainId: block.chainid,
                verifyingContract: address(this),
                salt: 0
            });
    }

    /// @inheritdoc INodeRegistry
    function hasCustomPricing(uint32 node) external view override returns (bool) {
        Node storage record = _nodes[node];
        return (record.pointPrice | record.memoryPrice | record.diskPrice | record.gpuPrice) != 0;
    }

    /// @inheritdoc INodeRegistry
    function relayOfferOf(uint32 node) external view override returns (uint16 capacity, uint16 used) {
        Node storage record = _nodes[node];
        return (record.relay == 0 ? record.relayCapacity : 0, record.relayed);
    }

    /// @inheritdoc INodeRegistry
    function offer(uint32 node) external view override returns (Offer memory) {
        Node storage record = _nodes[node];
        return
            Offer({
                operator: record.operator,
                agent: record.agent,
                active: record.active,
                region: record.region,
                minCharge: record.minCharge,
                notice: record.notice,
                relay: record.relay,
                relayBps: record.relayBps,
                capacity: Capacity({
                    pointUnits: record.pointUnits,
                    memoryMiB: record.memoryMiB,
                    diskGiB: record.diskGiB,
                    gpus: record.gpus
                }),
                prices: Prices({
                    point: record.pointPrice,
                    memoryGiB: record.memoryPrice,
                    diskGiB: record.diskPrice,
                    gpu: record.gpuPrice
                })
            });
    }

    /// @inheritdoc INodeRegistry
    function networkOf(uint32 node) external view override returns (bytes32 wireguardKey, bool behindNat) {
        Node storage record = _nodes[node];
        return (record.wireguardKey, record.behindNat);
    }

    /// @inheritdoc INodeRegistry
    function pendingOperatorOf(uint32 node) external view override returns (address) {
        return _nodes[node].pendingOperator;
    }

    /// @inheritdoc INodeRegistry
    function sealingKeyOf(uint32 node) external view override returns (bytes32 sealingKey, uint32 epoch) {
        Node storage record = _nodes[node];
        return (record.sealingKey, record.sealingKeyEpoch);
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc INodeRegistry
    function acceptOperator(uint32 node) external override {
        Node storage record = _nodes[node];
        address pending = record.pendingOperator;
        if (pending == address(0) || msg.sender != pending) {
            revert Errors.NodeRegistry_NotPendingOperator({
                node: node,
                pendingOperator: pending,
                caller: msg.sender
            });
        }
        if (pending == record.agent) revert Errors.NodeRegistry_AgentIsOperator({ agent: pending });
        delete record.pendingOperator;
        record.operator = pending;
        emit OperatorChanged({ node: node, operator: pending });
    }

    /// @inheritdoc INodeRegistry
    function attest(
        uint32 node,
        bytes32 attribute,
        address auditor,
        uint40 issuedAt,
        uint40 expiresAt,
        bytes calldata signature
    ) external override {
        if (node == 0 || node > nodeCount) revert Errors.NodeRegistry_UnknownNode({ node: node });
        Attribute storage held = _attributes[keccak256(abi.encode(node, attribute, auditor))];
        // A later word of the same auditor replaces an earlier one, and no earlier one comes back.
        _requireWithin("issuedAt", issuedAt, uint256(held.issuedAt) + 1, block.timestamp);
        bytes32 structHash = keccak256(abi.encode(_ATTRIBUTE_TYPEHASH, node, attribute, issuedAt, expiresAt));
        bytes32 digest = MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR(), structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(auditor, digest, signature)) {
            revert Errors.NodeRegistry_BadSignature({ auditor: auditor });
        }
        (held.issuedAt, held.expiresAt) = (issuedAt, expiresAt);
        emit AttributeAttested({
            node: node,
            attribute: attribute,
            auditor: auditor,
            issuedAt: issuedAt,
            expiresAt: expiresAt
        });
    }

    /// @inheritdoc INodeRegistry
    function chooseRelay(uint32 node, uint32 relay) external override {
        Node storage record = _requireOperatorOrAgent(node);
        uint32 former = record.relay;
        if (former == relay) return;
        if (former != 0) --_nodes[former].relayed;
        if (relay != 0) {
            Node storage chosen = _nodes[relay];
            // A relay has an address of its own: it is not behind another, and a node is not behind itself.
            bool good = relay != node && chosen.relay == 0 && record.relayed == 0;
            if (!good || chosen.relayed >= chosen.relayCapacity) {
                revert Errors.NodeRegistry_RelayUnavailable({
                    relay: relay,
                    used: chosen.relayed,
                    capacity: chosen.relayCapacity
                });
            }
            ++chosen.relayed;
        }
        _setRelay(node, record, relay);
    }

    /// @inheritdoc INodeRegistry
    function dropRelayed(uint32 relay, uint32[] calldata nodes) external override {
        Node storage serving = _requireOperatorOrAgent(relay);
        for (uint256 i = 0; i < nodes.length; ++i) {
            Node storage record = _nodes[nodes[i]];
            if (record.relay != relay) continue;
            --serving.relayed;
            _setRelay(nodes[i], record, 0);
        }
    }

    /// @inheritdoc INodeRegistry
    function setProfile(uint32 node, string calldata description, bytes32[] calldata tags) external override {
        _requireOperator(node);
        _requireWithin("description", bytes(description).length, 0, MAX_DESCRIPTION_BYTES);
        _requireWithin("tags", tags.length, 0, MAX_TAGS);
        emit ProfileChanged({ node: node, description: description, tags: tags });
    }

    /// @inheritdoc INodeRegistry
    function setRelayOffer(uint32 node, uint16 capacity) external override {
        Node storage record = _requireOperator(node);
        _requireWithin("relayCapacity", capacity, 0, MAX_RELAY_CAPACITY);
        record.relayCapacity = capacity;
        emit RelayOfferChanged({ node: node, capacity: capacity });
    }

    /// @inheritdoc INodeRegistry
    function proposeOperator(uint32 node, address proposed) external override {
        Node storage record = _requireOperator(node);
        record.pendingOperator = proposed;
        emit OperatorProposed({ node: node, operator: msg.sender, proposed: proposed });
    }

    /// @inheritdoc INodeRegistry
    function register(Registration calldata registration) external override returns (uint32 node) {
        bytes32 nodeId = sha256(abi.encodePacked(registration.machineId, msg.sender));
        uint32 taken = indexOf[nodeId];
        if (taken != 0) revert Errors.NodeRegistry_NodeIdTaken({ nodeId: nodeId, node: taken });
        _requireWithin("machineId", uint256(registration.machineId), 1, type(uint256).max);

        node = ++nodeCount;
        indexOf[nodeId] = node;
        nodeIdOf[node] = nodeId;
        Node storage record = _nodes[node];
        record.operator = msg.sender;
        record.active = true;
        record.region = registration.region;
        _setAgent(node, record, registration.agent);
        _setCapacity(record, registration.capacity);
        _setEndpoint(registration.endpoint);
        _setPrices(record, registration.prices);
        _setSealingKey(record, registration.sealingKey);
        _setTerms(record, registration.minCharge, registration.notice);
        emit NodeRegistered({ node: node, nodeId: nodeId, operator: msg.sender, registration: registration });
    }

    /// @inheritdoc INodeRegistry
    function setActive(uint32 node, bool active) external override {
        _requireOperator(node).active = active;
        emit NodeActiveChanged({ node: node, active: active });
    }

    /// @inheritdoc INodeRegistry
    function setAgent(uint32 node, address agent) external override {
        Node storage record = _requireOperator(node);
        delete nodeOfAgent[record.agent];
        _setAgent(node, record, agent);
        emit AgentChanged({ node: node, agent: agent });
    }

    /// @inheritdoc INodeRegistry
    function setCapacity(uint32 node, Capacity calldata capacity) external override {
        _setCapacity(_requireOperator(node), capacity);
        emit CapacityChanged({ node: node, capacity: capacity });
    }

    /// @inheritdoc INodeRegistry
    function setEndpoint(uint32 node, string calldata endpoint) external override {
        _requireOperator(node);
        _setEndpoint(endpoint);
        emit EndpointChanged({ node: node, endpoint: endpoint });
    }

    /// @inheritdoc INodeRegistry
    function setNetwork(uint32 node, Network calldata network) external override {
        Node storage record = _requireOperatorOrAgent(node);
        _requireWithin("peerId", network.peerId.length, 0, MAX_PEER_ID_BYTES);
        _requireWithin("addresses", network.addresses.length, 0, MAX_ADDRESSES);
        for (uint256 i = 0; i < network.addresses.length; ++i) {
            _requireWithin("address", bytes(network.addresses[i]).length, 1, MAX_ADDRESS_BYTES);
        }
        (record.wireguardKey, record.behindNat) = (network.wireguardKey, network.behindNat);
        emit NetworkChanged({ node: node, network: network });
    }

    /// @inheritdoc INodeRegistry
    function setPrices(uint32 node, Prices calldata prices) external override {
        _setPrices(_requireOperator(node), prices);
        emit PricesChanged({ node: node, prices: prices });
    }

    /// @inheritdoc INodeRegistry
    function setSealingKey(uint32 node, bytes32 sealingKey) external override {
        Node storage record = _requireOperator(node);
        _setSealingKey(record, sealingKey);
        emit SealingKeyChanged({ node: node, sealingKey: sealingKey, epoch: record.sealingKeyEpoch });
    }

    /// @inheritdoc INodeRegistry
    function setTerms(uint32 node, uint16 minCharge, uint32 notice) external override {
        _setTerms(_requireOperator(node), minCharge, notice);
        emit TermsChanged({ node: node, minCharge: minCharge, notice: notice });
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _requireOperator(uint32 node) private view returns (Node storage record) {
        record = _nodes[node];
        address operator = record.operator;
        if (operator == address(0)) revert Errors.NodeRegistry_UnknownNode({ node: node });
        if (msg.sender != operator) {
            revert Errors.NodeRegistry_NotOperator({ node: node, operator: operator, caller: msg.sender });
        }
    }

    function _requireOperatorOrAgent(uint32 node) private view returns (Node storage record) {
        record = _nodes[node];
        if (msg.sender != record.agent) _requireOperator(node);
    }

    function _requirePrice(string memory resource, uint256 price, uint256 floor) private pure {
        if (price < floor) {
            revert Errors.NodeRegistry_PriceBelowFloor({ resource: resource, price: price, floor: floor });
        }
        _requireWithin(resource, price, floor, MAX_PRICE);
    }

    function _requireWithin(
        string memory field,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure {
        if (value < minimum || value > maximum) {
            revert Errors.NodeRegistry_FieldOutOfRange({
                field: field,
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }

    function _setAgent(uint32 node, Node storage record, address agent) private {
        _requireWithin("agent", uint160(agent), 1, type(uint160).max);
        if (agent == record.operator) revert Errors.NodeRegistry_AgentIsOperator({ agent: agent });
        uint32 served = nodeOfAgent[agent];
        if (served != 0) revert Errors.NodeRegistry_AgentTaken({ agent: agent, node: served });
        nodeOfAgent[agent] = node;
        record.agent = agent;
    }

    function _setCapacity(Node storage record, Capacity calldata capacity) private {
        _requireWithin("pointUnits", capacity.pointUnits, 1, type(uint32).max);
        _requireWithin("memoryMiB", capacity.memoryMiB, 1, type(uint40).max);
        _requireWithin("diskGiB", capacity.diskGiB, 1, type(uint32).max);
        _requireWithin("gpus", capacity.gpus, 0, type(uint16).max);
        // Each cast is within the bound just checked.
        record.pointUnits = uint32(capacity.pointUnits);
        record.memoryMiB = uint40(capacity.memoryMiB);
        record.diskGiB = uint32(capacity.diskGiB);
        record.gpus = uint16(capacity.gpus);
    }

    /// @dev The endpoint lives in events alone.
    function _setEndpoint(string calldata endpoint) private pure {
        _requireWithin("endpoint", bytes(endpoint).length, 0, MAX_ENDPOINT_BYTES);
    }

    function _setPrices(Node storage record, Prices calldata prices) private {
        if (!Pricing.isZero(prices)) {
            Prices memory floors = POLICY.floors();
            _requirePrice("point", prices.point, floors.point);
            _requirePrice("memoryGiB", prices.memoryGiB, floors.memoryGiB);
            _requirePrice("diskGiB", prices.diskGiB, floors.diskGiB);
            _requirePrice("gpu", prices.gpu, floors.gpu);
        }
        // At most MAX_PRICE, which has 40 bits.
        record.pointPrice = uint40(prices.point);
        record.memoryPrice = uint40(prices.memoryGiB);
        record.diskPrice = uint40(prices.diskGiB);
        record.gpuPrice = uint40(prices.gpu);
    }

    function _setRelay(uint32 node, Node storage record, uint32 relay) private {
        record.relay = relay;
        record.relayBps = relay == 0 ? 0 : RELAY_BPS;
        emit RelayChosen({ node: node, relay: relay });
    }

    function _setSealingKey(Node storage record, bytes32 sealingKey) private {
        _requireWithin("sealingKey", uint256(sealingKey), 1, type(uint256).max);
        record.sealingKey = sealingKey;
        ++record.sealingKeyEpoch;
    }

    function _setTerms(Node storage record, uint16 minCharge, uint32 notice) private {
        _requireWithin("minCharge", minCharge, 0, MAX_MIN_CHARGE);
        _requireWithin("notice", notice, 0, MAX_NOTICE);
        record.minCharge = minCharge;
        // At most MAX_NOTICE, which has 22 bits.
        record.notice = uint24(notice);
    }
}
