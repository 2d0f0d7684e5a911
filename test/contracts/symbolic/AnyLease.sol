// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Caps } from "../../../contracts/src/libraries/Caps.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { EndReason } from "../../../contracts/src/types/DataTypes.sol";
import { Holding, Meter, packHolding, packPrice, Price } from "../../../contracts/src/types/LeaseRecord.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { cheats } from "./Cheats.sol";

/// @notice A lease as it lies in storage: any five words, but that {AnyLease} writes tenant, node, relay, agent and author
/// over them, and that it has a price.
struct Words {
    uint256 holding;
    uint256 price;
    uint256 meter;
    uint256 extras;
    uint256 templated;
}

/// @notice The real escrow, with one live lease of arbitrary figures written into its storage: what holds for it holds for
/// every lease, whatever came before, as long as its figures keep to {_assumeLive}. Registry and policy answer nothing.
abstract contract AnyLease {
    bytes32 internal constant LEASE = keccak256("lease");
    uint32 internal constant NODE = 1;
    uint32 internal constant RELAY = 2;

    address internal constant OWNER = address(0xA11);
    address internal constant PLATFORM = address(0xA12);
    address internal constant OPERATOR = address(0xB11);
    address internal constant AGENT = address(0xB12);
    address internal constant TENANT = address(0x7E4A47);

    address internal constant AUTHOR = address(0xA07);

    /// @dev The moment of a claim that does not depend on one.
    uint40 internal constant NOW = 1_800_000_000;
    uint32 internal constant NOTICE = 1 days;
    /// @dev Of the tenant, inside the escrow.
    uint256 internal constant BALANCE = 1_000_000_000;

    /// @dev Slots of the escrow's mappings, as the compiler lays them out: `setUp` reads back what it wrote.
    uint256 private constant _BALANCES = 0;
    uint256 private constant _NODES = 1;
    uint256 private constant _LEASES = 3;

    MockUSDC internal usdc;
    LeaseEscrow internal escrow;
    StubRegistry internal registry;

    function setUp() public virtual {
        usdc = new MockUSDC(OWNER);
        registry = new StubRegistry();
        escrow = new LeaseEscrow(
            IERC20(address(usdc)),
            INodeRegistry(address(registry)),
            IPricePolicy(address(registry)),
            OWNER,
            PLATFORM
        );
        registry.setBricked(true);
        cheats.prank(OWNER);
        usdc.mint(address(escrow), type(uint64).max);
        cheats.warp(NOW);
        _store(_BALANCES, bytes32(uint256(uint160(TENANT))), 0, BALANCE);
        _store(_NODES, bytes32(uint256(NODE)), 0, (1 << 248) | BALANCE);
        _store(_NODES, bytes32(uint256(NODE)), 1, uint160(OPERATOR));
        _store(_NODES, bytes32(uint256(NODE)), 2, uint160(OPERATOR));
        Price memory price;
        (price.deposited, price.node, price.relay, price.relayBps) = (7, NODE, RELAY, 3);
        Meter memory meter;
        (meter.settled, meter.startedAt, meter.credited) = (5, 4, 2);
        _put(price, meter);
        assert(escrow.balanceOf(TENANT) == BALANCE);
        assert(escrow.earnedOf(NODE) == BALANCE);
        assert(escrow.operatorOf(NODE) == OPERATOR && escrow.payeeOf(NODE) == OPERATOR);
        assert(escrow.leaseOf(LEASE).tenant == TENANT && escrow.leaseOf(LEASE).deposited == 7);
        assert(escrow.leaseOf(LEASE).relay == RELAY && escrow.leaseOf(LEASE).relayBps == 3);
        assert(escrow.leaseOf(LEASE).settled == 5 && escrow.leaseOf(LEASE).startedAt == 4);
        assert(escrow.leaseOf(LEASE).credited == 2);
    }

    /// @dev A lease in any state, template included.
    function _putAny(Words memory words) internal {
        uint256 ids = uint256(type(uint64).max) << 120;
        uint256 low = type(uint160).max;
        _store(_LEASES, LEASE, 0, (words.holding & ~low) | uint160(TENANT));
        _store(_LEASES, LEASE, 1, (words.price & ~ids) | (uint256(NODE) << 120) | (uint256(RELAY) << 152));
        cheats.assume((words.price >> 64) & type(uint48).max != 0);
        cheats.assume((words.meter >> 240) & type(uint8).max <= uint8(type(EndReason).max));
        _store(_LEASES, LEASE, 2, words.meter);
        _store(_LEASES, LEASE, 3, (words.extras & ~(low << 72)) | (uint256(uint160(AGENT)) << 72));
        _store(_LEASES, LEASE, 4, (words.templated & ~low) | uint160(AUTHOR));
    }

    /// @dev A word of the lease in storage.
    function _word(uint256 offset) internal view returns (uint256) {
        bytes32 slot = bytes32(uint256(keccak256(abi.encode(LEASE, _LEASES))) + offset);
        return uint256(cheats.load(address(escrow), slot));
    }

    /// @dev What opening, activating, settling, crediting and topping up keep to. A lease without a template.
    function _assumeLive(Price memory price, Meter memory meter, uint40 moment) internal pure {
        cheats.assume(
            price.node == NODE && price.relay == RELAY && !price.hasTemplate && price.pricePerHour > 0
        );
        cheats.assume(price.platformBps <= Caps.PLATFORM_BPS && price.relayBps <= Caps.RELAY_BPS);
        cheats.assume(price.holdBack <= Caps.HOLD_BACK && price.minCharge <= Caps.MIN_CHARGE);
        cheats.assume(meter.settled <= price.deposited && meter.paidBefore <= price.deposited);
        cheats.assume(meter.startedAt <= moment && meter.endedAt == 0);
        cheats.assume(
            meter.startedAt != 0 || (meter.settled == 0 && meter.paidBefore == 0 && meter.credited == 0)
        );
    }

    /// @dev All but the tenant, the node's operator and agent, the escrow, and the two contracts that bring it signatures
    /// and votes.
    function _assumeStranger(address caller) internal view {
        cheats.assume(caller != TENANT && caller != OPERATOR && caller != AGENT && caller != address(escrow));
        cheats.assume(caller != address(escrow.MANDATES()) && caller != address(escrow.QUORUM()));
    }

    /// @dev `meter.endReason` is left out: the lease is live.
    function _put(Price memory price, Meter memory meter) internal {
        Holding memory holding;
        holding.tenant = TENANT;
        _store(_LEASES, LEASE, 0, packHolding(holding));
        _store(_LEASES, LEASE, 1, packPrice(price));
        _store(
            _LEASES,
            LEASE,
            2,
            uint256(meter.settled) |
                (uint256(meter.paidBefore) << 64) |
                (uint256(meter.startedAt) << 128) |
                (uint256(meter.endedAt) << 168) |
                (uint256(meter.credited) << 208)
        );
        _store(_LEASES, LEASE, 3, (uint256(uint160(AGENT)) << 72) | NOTICE);
    }

    function _store(uint256 mappingSlot, bytes32 key, uint256 offset, uint256 word) private {
        uint256 slot = uint256(keccak256(abi.encode(key, mappingSlot))) + offset;
        cheats.store(address(escrow), bytes32(slot), bytes32(word));
    }
}
