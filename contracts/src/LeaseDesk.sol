// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseDesk } from "./interfaces/ILeaseDesk.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { IPricePolicy } from "./interfaces/IPricePolicy.sol";
import { ITemplateRegistry } from "./interfaces/ITemplateRegistry.sol";
import { Guard } from "./abstracts/Guard.sol";
import { Pointers } from "./abstracts/Pointers.sol";
import { Billing } from "./libraries/Billing.sol";
import { Caps } from "./libraries/Caps.sol";
import { Errors } from "./libraries/Errors.sol";
import { Pricing } from "./libraries/Pricing.sol";
import { Text } from "./libraries/Text.sol";
import { Capacity, Prices, Terms } from "./types/DataTypes.sol";
import { Holding, packHolding, packPrice, Price, Templated } from "./types/LeaseRecord.sol";

/// @title LeaseDesk
/// @notice See the documentation in {ILeaseDesk}. Reads registries and policy and trusts none of them: every figure
/// they name is held to a cap written in code, and checked against the bits the escrow stores it in.
contract LeaseDesk is Guard {
    /// @dev Figures of one quote on their way to two storage slots.
    struct Figures {
        uint256 pricePerHour;
        uint256 platformBps;
        uint256 pointUnits;
        uint256 relay;
        uint256 relayBps;
    }

    /// @notice Whose leases these are: whoever created this contract.
    ILeaseEscrow public immutable ESCROW = ILeaseEscrow(msg.sender);

    constructor(
        INodeRegistry initialRegistry,
        IPricePolicy initialPolicy,
        address owner
    ) Pointers(initialRegistry, initialPolicy, owner) {} // solhint-disable-line no-empty-blocks

    /// @inheritdoc ILeaseDesk
    function agentToActivate(uint32 node) external view override whenRunning returns (address) {
        return registry.agentOf(node);
    }

    /// @inheritdoc ILeaseDesk
    function quote(
        bytes32 leaseId,
        Terms calldata terms,
        uint32 node,
        uint64 deposited,
        bool hasTemplate
    ) external view override returns (Quote memory result) {
        // Terms that name a node are being opened now; a request that waits for one was opened before.
        if (terms.node != 0) _requireRunning();
        INodeRegistry.Offer memory offer = _offerOf(terms, node);
        Figures memory figures = _price(leaseId, terms, offer.prices);
        _requireRunway(figures.pricePerHour, offer.minCharge, deposited);
        _requireWithin("holdBack", terms.holdBack, 0, Caps.HOLD_BACK);
        uint256 activateWithin =
            terms.activateWithin == 0 ? Caps.DEFAULT_ACTIVATE_WITHIN : terms.activateWithin;
        _requireWithin("activateWithin", activateWithin, Caps.MIN_ACTIVATE_WITHIN, Caps.MAX_ACTIVATE_WITHIN);
        _requireRoom(node, offer.capacity, terms, figures.pointUnits);
        result.notice = offer.notice;
        result.operator = offer.operator;
        result.agent = offer.agent;
        // A relay that nobody operates takes no cut: it would be nobody's to withdraw.
        if (offer.relay != 0) result.relayOperator = registry.offer(offer.relay).operator;
        if (result.relayOperator != address(0)) {
            (figures.relay, figures.relayBps) = (offer.relay, offer.relayBps);
        }
        // Every narrowing below is within a bound checked above.
        result.price = packPrice(
            Price({
                deposited: deposited,
                pricePerHour: uint48(figures.pricePerHour),
                hasTemplate: hasTemplate,
                node: node,
                relay: uint32(figures.relay),
                holdBack: uint24(terms.holdBack),
                minCharge: offer.minCharge,
                platformBps: uint16(figures.platformBps),
                relayBps: uint16(figures.relayBps)
            })
        );
        result.holding = packHolding(
            Holding({
                tenant: terms.tenant,
                activateBy: uint32(block.timestamp + activateWithin),
                pointUnits: uint16(figures.pointUnits),
                memoryMiB: uint24(terms.memoryMiB),
                diskGiB: uint16(terms.diskGiB),
                gpus: terms.gpus
            })
        );
    }

    /// @inheritdoc ILeaseDesk
    function quoteTemplate(Terms calldata terms) external view override returns (Templated memory) {
        (uint32 template, uint32 version) = (terms.template, terms.templateVersion);
        // The escrow keeps both in 24 bits.
        _requireWithin("template", template, 1, type(uint24).max);
        _requireWithin("templateVersion", version, 1, type(uint24).max);
        if (address(templates) == address(0)) revert LeaseEscrow_TemplateNotActive(template, version);
        ITemplateRegistry.Offer memory offer = templates.templateOffer(template, version);
        if (!offer.active || offer.author == address(0)) {
            revert LeaseEscrow_TemplateNotActive({ template: template, version: version });
        }
        _requireCap("templateFee", offer.fee, Caps.TEMPLATE_FEE);
        _requireCap("refundWindow", offer.refundWindow, Caps.REFUND_WINDOW);
        if (offer.fee > terms.maxTemplateFee) {
            revert LeaseEscrow_TemplateFeeAboveMaximum({
                template: template,
                fee: offer.fee,
                maxTemplateFee: terms.maxTemplateFee
            });
        }
        _requireSpec(template, "vcpus", terms.vcpus, offer.minimum.vcpus);
        _requireSpec(template, "memoryMiB", terms.memoryMiB, offer.minimum.memoryMiB);
        _requireSpec(template, "diskGiB", terms.diskGiB, offer.minimum.diskGiB);
        _requireSpec(template, "gpus", terms.gpus, offer.minimum.gpus);
        _requireWithin("deposit", terms.deposit, offer.fee, type(uint64).max);
        // Both are within the caps just checked.
        return
            Templated({
                author: offer.author,
                template: uint24(template),
                version: uint24(version),
                fee: uint32(offer.fee),
                refundWindow: uint16(offer.refundWindow)
            });
    }

    /// @dev What the node offers, when it suits the terms.
    function _offerOf(
        Terms calldata terms,
        uint32 node
    ) private view returns (INodeRegistry.Offer memory offer) {
        offer = registry.offer(node);
        // Node 0 is the platform, whatever a registry says of it.
        if (node == 0 || !offer.active || offer.operator == address(0)) {
            revert LeaseEscrow_NodeNotActive({ node: node });
        }
        _requireCap("minCharge", offer.minCharge, Caps.MIN_CHARGE);
        _requireCap("relayBps", offer.relayBps, Caps.RELAY_BPS);
        if (offer.notice < terms.minNotice) {
            revert LeaseEscrow_NoticeTooShort({
                node: node,
                notice: offer.notice,
                minNotice: terms.minNotice
            });
        }
        if (terms.node == 0 && terms.region != 0 && terms.region != offer.region) {
            revert LeaseEscrow_RegionMismatch({ node: node, region: offer.region, wanted: terms.region });
        }
    }

    /// @dev Price and units of what the terms ask for. Every narrowing is checked by the bound before it.
    function _price(
        bytes32 leaseId,
        Terms calldata terms,
        Prices memory nodePrices
    ) private view returns (Figures memory result) {
        Prices memory floors;
        Prices memory defaults;
        uint256 unitsPerVcpu;
        uint256 multiplierBps;
        uint256 bandwidthRate;
        uint256 platformBps;
        (floors, defaults, unitsPerVcpu, multiplierBps, bandwidthRate, platformBps) = policy.pricing(
            terms.tier,
            terms.bandwidth
        );
        _requireCap("platformBps", platformBps, Caps.PLATFORM_BPS);
        _requireCap("unitsPerVcpu", unitsPerVcpu, Pricing.UNITS_PER_POINT);
        uint256 pointUnits = terms.vcpus * unitsPerVcpu;
        _requireWithin("pointUnits", pointUnits, 1, type(uint16).max);
        _requireWithin("memoryMiB", terms.memoryMiB, 1, type(uint24).max);
        _requireWithin("diskGiB", terms.diskGiB, 1, type(uint16).max);
        uint256 pricePerHour = Pricing.pricePerHourUp({
            resources: Pricing.Resources({
                pointUnits: pointUnits,
                memoryMiB: terms.memoryMiB,
                diskGiB: terms.diskGiB,
                gpus: terms.gpus
            }),
            prices: Pricing.effective({ node: nodePrices, defaults: defaults, floors: floors }),
            multiplierBps: multiplierBps,
            bandwidthRate: bandwidthRate
        });
        if (pricePerHour > terms.maxPricePerHour) {
            revert LeaseEscrow_PriceAboveMaximum({
                leaseId: leaseId,
                pricePerHour: pricePerHour,
                maxPricePerHour: terms.maxPricePerHour
            });
        }
        if (pricePerHour == 0 || pricePerHour > type(uint48).max) {
            revert LeaseEscrow_PriceOutOfRange({ pricePerHour: pricePerHour, maximum: type(uint48).max });
        }
        result.pricePerHour = pricePerHour;
        result.platformBps = platformBps;
        result.pointUnits = pointUnits;
    }

    function _requireCap(bytes32 figure, uint256 value, uint256 cap) private pure {
        if (value > cap) revert LeaseEscrow_AboveCap({ figure: Text.decode(figure), value: value, cap: cap });
    }

    /// @dev `needed` is free of the capacity, and the sum fits in `bits`.
    function _requireFree(
        uint32 node,
        bytes32 resource,
        uint256 used,
        uint256 needed,
        uint256 capacity,
        uint256 bits
    ) private pure {
        uint256 limit = (1 << bits) - 1;
        if (capacity < limit) limit = capacity;
        uint256 free = used < limit ? limit - used : 0;
        if (needed > free) {
            revert LeaseEscrow_NoCapacity({
                node: node,
                resource: Text.decode(resource),
                needed: needed,
                free: free
            });
        }
    }

    /// @dev The node has all of it free.
    function _requireRoom(
        uint32 node,
        Capacity memory capacity,
        Terms calldata terms,
        uint256 pointUnits
    ) private view {
        Capacity memory used = ESCROW.inUse(node);
        _requireFree(node, "compute", used.pointUnits, pointUnits, capacity.pointUnits, 32);
        _requireFree(node, "memory", used.memoryMiB, terms.memoryMiB, capacity.memoryMiB, 32);
        _requireFree(node, "disk", used.diskGiB, terms.diskGiB, capacity.diskGiB, 32);
        _requireFree(node, "gpu", used.gpus, terms.gpus, capacity.gpus, 16);
    }

    function _requireRunway(uint256 pricePerHour, uint256 minCharge, uint256 amount) private pure {
        uint256 minimum = Billing.leastDepositUp(pricePerHour, minCharge);
        if (amount < minimum) revert Errors.LeaseEscrow_DepositTooSmall({ amount: amount, minimum: minimum });
    }

    function _requireSpec(uint32 template, bytes32 resource, uint256 asked, uint256 needed) private pure {
        if (asked < needed) {
            revert LeaseEscrow_TemplateNeedsMore({
                template: template,
                resource: Text.decode(resource),
                asked: asked,
                needed: needed
            });
        }
    }

    function _requireWithin(bytes32 term, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert LeaseEscrow_TermOutOfRange({
                term: Text.decode(term),
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }
}
