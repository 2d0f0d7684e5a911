// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Capacity, Prices } from "../types/DataTypes.sol";

/// @title INodeRegistry
/// @notice Who operates which machine, what it offers and at which price. Holds no funds and is replaceable.
interface INodeRegistry {
    /// @notice What an operator registers. A price vector of zeros means the platform's defaults.
    /// @param machineId The machine's own stable id; the node id is `sha256(machineId ‖ operator)`.
    /// @param agent The hot key with which the machine's agent signs.
    /// @param sealingKey X25519 public key to which tenants seal manifests.
    /// @param region Eight ASCII bytes at most, for example "eu-west".
    /// @param minCharge Least seconds billed to an active lease, at most 300.
    /// @param notice Seconds of notice the operator gives before a reclaim.
    /// @param endpoint Where the agent's API is reached, a URL.
    struct Registration {
        bytes32 machineId;
        address agent;
        bytes32 sealingKey;
        bytes8 region;
        uint16 minCharge;
        uint32 notice;
        Capacity capacity;
        Prices prices;
        string endpoint;
    }

    /// @notice What the escrow reads of a node when it prices, assigns or activates a lease.
    struct Offer {
        address operator;
        address agent;
        bool active;
        bytes8 region;
        uint16 minCharge;
        uint32 notice;
        uint32 relay;
        uint16 relayBps;
        Capacity capacity;
        Prices prices;
    }

    /// @notice How a node is reached by others.
    /// @param peerId Its libp2p peer id, up to 64 bytes; empty for none.
    /// @param addresses Multiaddrs at which it listens, up to 8 of up to 256 bytes.
    /// @param wireguardKey Its public key; 0 for none.
    /// @param behindNat Whether it has no public address of its own, and so needs a relay.
    struct Network {
        bytes peerId;
        string[] addresses;
        bytes32 wireguardKey;
        bool behindNat;
    }

    event NodeRegistered(
        uint32 indexed node,
        bytes32 indexed nodeId,
        address indexed operator,
        Registration registration
    );
    event AgentChanged(uint32 indexed node, address agent);
    event CapacityChanged(uint32 indexed node, Capacity capacity);
    event PricesChanged(uint32 indexed node, Prices prices);
    event SealingKeyChanged(uint32 indexed node, bytes32 sealingKey, uint32 epoch);
    event NodeActiveChanged(uint32 indexed node, bool active);
    event EndpointChanged(uint32 indexed node, string endpoint);
    event TermsChanged(uint32 indexed node, uint16 minCharge, uint32 notice);
    event OperatorProposed(uint32 indexed node, address indexed operator, address proposed);
    event OperatorChanged(uint32 indexed node, address indexed operator);

    /// @notice The node serves up to `capacity` nodes behind CGNAT as their relay.
    event RelayOfferChanged(uint32 indexed node, uint16 capacity);
    /// @notice Later leases of `node` pay `relay`; 0 for none: it left, or was dropped.
    event RelayChosen(uint32 indexed node, uint32 indexed relay);
    event NetworkChanged(uint32 indexed node, Network network);
    event ProfileChanged(uint32 indexed node, string description, bytes32[] tags);
    event AttributeAttested(
        uint32 indexed node,
        bytes32 indexed attribute,
        address indexed auditor,
        uint40 issuedAt,
        uint40 expiresAt
    );

    /// @notice Registers the caller's machine. Refuses a price under a floor (naming the floor) and a taken node id.
    function register(Registration calldata registration) external returns (uint32 node);

    function setAgent(uint32 node, address agent) external;
    function setCapacity(uint32 node, Capacity calldata capacity) external;
    function setPrices(uint32 node, Prices calldata prices) external;
    function setSealingKey(uint32 node, bytes32 sealingKey) external;
    function setEndpoint(uint32 node, string calldata endpoint) external;
    function setTerms(uint32 node, uint16 minCharge, uint32 notice) external;
    /// @notice `false` drains the node: no new lease is assigned to it, running ones go on.
    function setActive(uint32 node, bool active) external;

    /// @notice Offers places behind this node as a relay; 0 takes no more. A lower offer drops nobody: those who are there
    /// stay, and nobody comes until fewer are. By the operator.
    function setRelayOffer(uint32 node, uint16 capacity) external;
    /// @notice Chooses a relay with a free place, or 0. Leases that run go on paying the relay they were priced with. By
    /// the operator or the agent.
    function chooseRelay(uint32 node, uint32 relay) external;
    /// @notice Takes the places of these nodes back, so that the dead, or those who only sit there, do not keep out the
    /// living. Ids that are not behind this relay are skipped: they may just have left. By the relay's operator or agent.
    function dropRelayed(uint32 relay, uint32[] calldata nodes) external;
    /// @notice Says how other nodes reach this one. By the operator or the agent.
    function setNetwork(uint32 node, Network calldata network) external;
    /// @notice What the marketplace shows; kept in events alone. By the operator.
    function setProfile(uint32 node, string calldata description, bytes32[] calldata tags) external;
    /// @notice Records what an auditor signed about a node (EIP-712, ERC-1271 wallets included); by anyone. Whom to
    /// believe is the reader's choice. A later `issuedAt` replaces an earlier one, and an expiry in the past revokes. It
    /// speaks of the machine and stays when the operator changes.
    function attest(
        uint32 node,
        bytes32 attribute,
        address auditor,
        uint40 issuedAt,
        uint40 expiresAt,
        bytes calldata signature
    ) external;

    /// @notice Proposes another operator; the zero address withdraws a proposal. The node keeps its index and its id.
    function proposeOperator(uint32 node, address proposed) external;
    /// @notice Takes the node over. By the proposed operator.
    function acceptOperator(uint32 node) external;

    function offer(uint32 node) external view returns (Offer memory);
    /// @notice The agent key of a node, 0 for an unknown one.
    function agentOf(uint32 node) external view returns (address);
    /// @notice The node an agent key serves, 0 for none.
    function nodeOfAgent(address agent) external view returns (uint32);
    /// @notice Until when the auditor's word holds, 0 when there is none.
    function attributeExpiry(uint32 node, bytes32 attribute, address auditor) external view returns (uint40);
    /// @notice EIP-712 domain: name "DeCloud NodeRegistry", version "1", this chain, this contract.
    function DOMAIN_SEPARATOR() external view returns (bytes32);
    /// @notice What a relay needs to know of a node behind it; peer id and addresses are in the log.
    function networkOf(uint32 node) external view returns (bytes32 wireguardKey, bool behindNat);
    /// @notice Whether the node has prices of its own.
    function hasCustomPricing(uint32 node) external view returns (bool);
    /// @return capacity Places on offer; 0 while the node is behind a relay itself.
    /// @return used Nodes behind it; more than `capacity` once the offer was lowered.
    function relayOfferOf(uint32 node) external view returns (uint16 capacity, uint16 used);
    function pendingOperatorOf(uint32 node) external view returns (address);
    function nodeCount() external view returns (uint32);
    function nodeIdOf(uint32 node) external view returns (bytes32);
    function indexOf(bytes32 nodeId) external view returns (uint32);
    function sealingKeyOf(uint32 node) external view returns (bytes32 sealingKey, uint32 epoch);
}
