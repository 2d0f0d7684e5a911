// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IDeCloudLens } from "./interfaces/IDeCloudLens.sol";
import { ILeaseDesk } from "./interfaces/ILeaseDesk.sol";
import { ILeaseMandates } from "./interfaces/ILeaseMandates.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IPremiumStake } from "./interfaces/IPremiumStake.sol";
import { IReputation } from "./interfaces/IReputation.sol";
import { IReviews } from "./interfaces/IReviews.sol";
import { ITemplateRegistry } from "./interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "./LeaseDesk.sol";
import { LeaseEscrow } from "./LeaseEscrow.sol";
import { Billing } from "./libraries/Billing.sol";
import { Caps } from "./libraries/Caps.sol";
import { Errors } from "./libraries/Errors.sol";
import { Pricing } from "./libraries/Pricing.sol";
import { Capacity, Lease, LeaseStatus, Prices, Terms } from "./types/DataTypes.sol";
import { Templated } from "./types/LeaseRecord.sol";

/// @title DeCloudLens
/// @notice See the documentation in {IDeCloudLens}. What a replaceable contract says is read in a call of the lens to
/// itself, so that not only its revert can be caught but also its absence and an answer that does not decode.
contract DeCloudLens is IDeCloudLens {
    /// @inheritdoc IDeCloudLens
    uint256 public constant override MAX_PAGE = 32;

    /// @dev What one source may burn. The dearest honest answer, an uptime by nine attesters, takes well under half.
    uint256 private constant _SOURCE_GAS = 2_000_000;
    /// @dev With this much left, a 64th stays behind and `_SOURCE_GAS` gets through.
    uint256 private constant _LEAST_GAS = 2_100_000;

    LeaseEscrow public immutable ESCROW;
    LeaseDesk public immutable DESK;
    ILeaseMandates public immutable MANDATES;
    IReviews public immutable REVIEWS;
    IReputation public immutable REPUTATION;
    IPremiumStake public immutable STAKE;

    constructor(LeaseEscrow escrow, IReviews reviews, IReputation reputation, IPremiumStake stake) {
        ESCROW = escrow;
        DESK = LeaseDesk(address(escrow.DESK()));
        MANDATES = escrow.MANDATES();
        _requireCode(address(reviews));
        _requireCode(address(reputation));
        _requireCode(address(stake));
        (REVIEWS, REPUTATION, STAKE) = (reviews, reputation, stake);
    }

    // ------------------------------------------------------------------------------------------------ leases

    /// @inheritdoc IDeCloudLens
    function leaseView(bytes32 leaseId, uint256 asOf) public view override returns (LeaseView memory result) {
        Lease memory lease = ESCROW.leaseOf(leaseId);
        uint256 runsOutAt = ESCROW.runsOutAt(leaseId);
        result.leaseId = leaseId;
        result.lease = lease;
        result.asOf = asOf == 0 ? block.timestamp : asOf;
        result.due = ESCROW.due(leaseId, result.asOf);
        result.vested = ESCROW.vested(leaseId, result.asOf);
        result.refundable = ESCROW.refundable(leaseId);
        result.runsOutAt = runsOutAt;
        result.runway = runsOutAt > block.timestamp ? runsOutAt - block.timestamp : 0;
        (result.stage, result.endableFrom) = _stageOf(lease, runsOutAt);
        result.reclaimableFrom = ESCROW.reclaimableFrom(leaseId);
        result.templateFee = _templateFeeOf(leaseId, lease.startedAt);
        result.renewal = MANDATES.renewalOf(leaseId);
        result.renewableFrom = _renewableFrom(result.renewal, lease, runsOutAt);
        result.tenantBalance = ESCROW.balanceOf(lease.tenant);
        // Node 0 is the platform, and a request has no node.
        if (lease.node != 0) {
            (result.payee, result.operator) = (ESCROW.payeeOf(lease.node), ESCROW.operatorOf(lease.node));
        }
    }

    /// @inheritdoc IDeCloudLens
    function leaseViews(
        bytes32[] calldata leaseIds,
        uint256 asOf
    ) external view override returns (LeaseView[] memory views) {
        views = new LeaseView[](leaseIds.length);
        for (uint256 i = 0; i < leaseIds.length; ++i) views[i] = leaseView(leaseIds[i], asOf);
    }

    /// @inheritdoc IDeCloudLens
    function leasesOf(
        LeaseFilter calldata filter,
        bytes32[] calldata leaseIds,
        uint256 offset,
        uint256 count
    ) external view override returns (LeaseView[] memory page, uint256 total) {
        bytes32[] memory matching = new bytes32[](leaseIds.length);
        for (uint256 i = 0; i < leaseIds.length; ++i) {
            if (_matches(filter, ESCROW.leaseOf(leaseIds[i]))) matching[total++] = leaseIds[i];
        }
        page = new LeaseView[](_lengthOf(total, offset, count));
        for (uint256 i = 0; i < page.length; ++i) page[i] = leaseView(matching[offset + i], 0);
    }

    // ------------------------------------------------------------------------------------------------ prices

    /// @inheritdoc IDeCloudLens
    function quote(Terms calldata terms, uint32 node) public view override returns (Quoted memory result) {
        result.leaseId = ESCROW.leaseIdOf(terms);
        result.node = node;
        if (!_quoteTemplate(terms, result)) {
            _priceRefused(terms, result);
            return result;
        }
        // At most the deposit, which has 64 bits.
        uint64 deposited = uint64(terms.deposit - result.templateFee);
        try
            DESK.quote{ gas: _bounded() }({
                leaseId: result.leaseId,
                terms: terms,
                node: node,
                deposited: deposited,
                hasTemplate: terms.template != 0
            })
        returns (ILeaseDesk.Quote memory answer) {
            _accept(result, answer, deposited);
        } catch (bytes memory reason) {
            result.refusal = reason;
            _priceRefused(terms, result);
        }
    }

    /// @inheritdoc IDeCloudLens
    function quoteOpen(Terms calldata terms) external view override returns (Quoted memory result) {
        if (terms.node != 0) {
            result = quote(terms, terms.node);
        } else {
            result.leaseId = ESCROW.leaseIdOf(terms);
            result.accepted = _quoteTemplate(terms, result);
            // solhint-disable-next-line no-empty-blocks
            try DESK.requireRunning() {} catch (bytes memory reason) {
                _refuse(result, reason);
            }
        }
        // The escrow asks this before anything else.
        if (ESCROW.leaseOf(result.leaseId).status != LeaseStatus.None) {
            _refuse(
                result,
                abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, result.leaseId)
            );
        }
    }

    /// @inheritdoc IDeCloudLens
    function quotes(
        Terms calldata terms,
        uint32[] calldata nodes
    ) external view override returns (Quoted[] memory results) {
        results = new Quoted[](nodes.length);
        for (uint256 i = 0; i < nodes.length; ++i) results[i] = quote(terms, nodes[i]);
    }

    // ------------------------------------------------------------------------------------------------ the market

    /// @inheritdoc IDeCloudLens
    function accountView(address account) external view override returns (Account memory) {
        return
            Account({
                balance: ESCROW.balanceOf(account),
                wallet: ESCROW.USDC().balanceOf(account),
                allowance: ESCROW.USDC().allowance(account, address(ESCROW))
            });
    }

    /// @inheritdoc IDeCloudLens
    function marketView() external view override returns (Market memory result) {
        result.registry = address(DESK.registry());
        result.policy = address(DESK.policy());
        result.templates = address(DESK.templates());
        result.nextRegistry = address(DESK.nextRegistry());
        result.nextPolicy = address(DESK.nextPolicy());
        result.nextTemplates = address(DESK.nextTemplates());
        result.pointersMoveAt = DESK.pointersMoveAt();
        result.templatesMoveAt = DESK.templatesMoveAt();
        result.pausedUntil = DESK.pausedUntil();
        result.nodes = _countNodes();
        result.templateCount = _countTemplates();
        try this.policyNow{ gas: _bounded() }() returns (Policy memory terms) {
            (result.isPriced, result.terms) = (true, terms);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    /// @inheritdoc IDeCloudLens
    function nodeView(uint32 node) public view override returns (NodeView memory result) {
        result.node = node;
        result.inUse = ESCROW.inUse(node);
        result.earned = ESCROW.earnedOf(node);
        result.payee = ESCROW.payeeOf(node);
        result.operator = ESCROW.operatorOf(node);
        (result.hosted, result.completed) = ESCROW.nodeCounters(node);
        _list(result);
        _judge(result);
    }

    /// @inheritdoc IDeCloudLens
    function nodeViews(
        uint256 offset,
        uint256 count
    ) external view override returns (NodeView[] memory page, uint256 total) {
        total = _countNodes();
        page = new NodeView[](_lengthOf(total, offset, count));
        // An index is at most `total`, which has 32 bits; the same below.
        for (uint256 i = 0; i < page.length; ++i) page[i] = nodeView(uint32(offset + i + 1));
    }

    /// @inheritdoc IDeCloudLens
    function templateView(uint32 template) public view override returns (TemplateView memory result) {
        result.template = template;
        try this.templateEntry{ gas: _bounded() }(template) returns (
            ITemplateRegistry.Template memory head,
            ITemplateRegistry.Version memory latest
        ) {
            (result.answered, result.head, result.latest) = (true, head, latest);
        } catch {} // solhint-disable-line no-empty-blocks
        try REVIEWS.templateRatingOf{ gas: _bounded() }(template) returns (IReviews.Rating memory rating) {
            (result.isRated, result.rating) = (true, rating);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    /// @inheritdoc IDeCloudLens
    function templateViews(
        uint256 offset,
        uint256 count
    ) external view override returns (TemplateView[] memory page, uint256 total) {
        total = _countTemplates();
        page = new TemplateView[](_lengthOf(total, offset, count));
        for (uint256 i = 0; i < page.length; ++i) page[i] = templateView(uint32(offset + i + 1));
    }

    /// @inheritdoc IDeCloudLens
    function versionViews(
        uint32 template,
        uint256 offset,
        uint256 count
    ) external view override returns (ITemplateRegistry.Version[] memory page, uint256 total) {
        ITemplateRegistry templates = DESK.templates();
        total = templates.templateAt(template).versions;
        page = new ITemplateRegistry.Version[](_lengthOf(total, offset, count));
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = templates.versionAt(template, uint32(offset + i + 1));
        }
    }

    // ------------------------------------------------------------------------------------------------ the parts

    /// @inheritdoc IDeCloudLens
    function listingOf(uint32 node) external view override returns (Listing memory result) {
        INodeRegistry registry = DESK.registry();
        result.nodeId = registry.nodeIdOf(node);
        result.offer = registry.offer(node);
        result.pendingOperator = registry.pendingOperatorOf(node);
        (result.sealingKey, result.sealingKeyEpoch) = registry.sealingKeyOf(node);
        result.hasCustomPricing = registry.hasCustomPricing(node);
        (result.relayCapacity, result.relayed) = registry.relayOfferOf(node);
    }

    /// @inheritdoc IDeCloudLens
    function nodeCount() external view override returns (uint32) {
        return DESK.registry().nodeCount();
    }

    /// @inheritdoc IDeCloudLens
    function policyNow() external view override returns (Policy memory result) {
        (
            result.floors,
            result.defaults,
            result.unitsPerVcpu,
            result.bandwidthMultiplierBps,
            result.bandwidthRates,
            result.platformBps
        ) = DESK.policy().parameters();
    }

    /// @inheritdoc IDeCloudLens
    function priceOn(
        Terms calldata terms,
        uint32 node
    ) external view override returns (uint256 pricePerHour, uint16 minCharge, uint32 notice) {
        INodeRegistry.Offer memory offer = DESK.registry().offer(node);
        if (offer.operator == address(0)) return (0, 0, 0);
        (
            Prices memory floors,
            Prices memory defaults,
            uint256 units,
            uint256 multiplier,
            uint256 rate,

        ) = DESK.policy().pricing(terms.tier, terms.bandwidth);
        pricePerHour = Pricing.pricePerHourUp({
            resources: Pricing.Resources({
                pointUnits: terms.vcpus * units,
                memoryMiB: terms.memoryMiB,
                diskGiB: terms.diskGiB,
                gpus: terms.gpus
            }),
            prices: Pricing.effective({ node: offer.prices, defaults: defaults, floors: floors }),
            multiplierBps: multiplier,
            bandwidthRate: rate
        });
        (minCharge, notice) = (offer.minCharge, offer.notice);
    }

    /// @inheritdoc IDeCloudLens
    function templateCount() external view override returns (uint32) {
        return DESK.templates().templateCount();
    }

    /// @inheritdoc IDeCloudLens
    function templateEntry(
        uint32 template
    )
        external
        view
        override
        returns (ITemplateRegistry.Template memory head, ITemplateRegistry.Version memory latest)
    {
        ITemplateRegistry templates = DESK.templates();
        head = templates.templateAt(template);
        latest = templates.versionAt(template, head.versions);
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev The desk answers with the words that the escrow would store: see {packPrice} and {packHolding}.
    function _accept(Quoted memory result, ILeaseDesk.Quote memory answer, uint256 deposited) private pure {
        result.accepted = true;
        // Each cast keeps the lane that the shift moved down.
        result.pricePerHour = uint48(answer.price >> 64);
        result.relay = uint32(answer.price >> 152);
        result.platformBps = uint16(answer.price >> 224);
        result.relayBps = uint16(answer.price >> 240);
        result.activateBy = uint32(answer.holding >> 160);
        _setLeast(result, uint16(answer.price >> 208), answer.notice);
        result.runway = Billing.runsOutAt({
            paidBefore: 0,
            pricePerHour: result.pricePerHour,
            startedAt: 0,
            credited: 0,
            deposited: deposited
        });
    }

    /// @return The gas that a source gets. Reverts where it would get less: silence must be the source's own.
    function _bounded() private view returns (uint256) {
        uint256 left = gasleft();
        if (left < _LEAST_GAS) revert DeCloudLens_GasTooLow({ gas: left, needed: _LEAST_GAS });
        return _SOURCE_GAS;
    }

    function _countNodes() private view returns (uint32) {
        try this.nodeCount{ gas: _bounded() }() returns (uint32 count) {
            return count;
        } catch {
            return 0;
        }
    }

    function _countTemplates() private view returns (uint32) {
        try this.templateCount{ gas: _bounded() }() returns (uint32 count) {
            return count;
        } catch {
            return 0;
        }
    }

    /// @dev As the desk counts it: no more than the capacity and than what `bits` hold.
    function _freeOf(uint256 used, uint256 capacity, uint256 bits) private pure returns (uint256) {
        uint256 limit = (1 << bits) - 1;
        if (capacity < limit) limit = capacity;
        return used < limit ? limit - used : 0;
    }

    /// @dev What others say of a node.
    function _judge(NodeView memory result) private view {
        try REVIEWS.nodeRatingOf{ gas: _bounded() }(result.node) returns (IReviews.Rating memory rating) {
            (result.answered.reviews, result.rating) = (true, rating);
        } catch {} // solhint-disable-line no-empty-blocks
        try REPUTATION.uptimeOf{ gas: _bounded() }(result.node) returns (
            uint256 uptimeBps,
            uint256 opinions
        ) {
            (result.answered.reputation, result.uptimeBps, result.opinions) = (true, uptimeBps, opinions);
        } catch {} // solhint-disable-line no-empty-blocks
        try STAKE.isPremium{ gas: _bounded() }(result.node) returns (bool premium) {
            (result.answered.stake, result.isPremium) = (true, premium);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    /// @return Entries of a page.
    function _lengthOf(uint256 total, uint256 offset, uint256 count) private pure returns (uint256) {
        uint256 left = offset < total ? total - offset : 0;
        if (count > MAX_PAGE) count = MAX_PAGE;
        return count < left ? count : left;
    }

    /// @dev What the node offers, and what of it is free.
    function _list(NodeView memory result) private view {
        try this.listingOf{ gas: _bounded() }(result.node) returns (Listing memory listing) {
            (result.answered.registry, result.listing) = (true, listing);
        } catch {
            return;
        }
        Capacity memory used = result.inUse;
        Capacity memory all = result.listing.offer.capacity;
        // The free part is at most the capacity, whose fields are as wide.
        result.free = Capacity({
            pointUnits: uint64(_freeOf(used.pointUnits, all.pointUnits, 32)),
            memoryMiB: uint64(_freeOf(used.memoryMiB, all.memoryMiB, 32)),
            diskGiB: uint64(_freeOf(used.diskGiB, all.diskGiB, 32)),
            gpus: uint32(_freeOf(used.gpus, all.gpus, 16))
        });
        try this.policyNow{ gas: _bounded() }() returns (Policy memory policy) {
            result.answered.policy = true;
            result.prices = Pricing.effective({
                node: result.listing.offer.prices,
                defaults: policy.defaults,
                floors: policy.floors
            });
        } catch {} // solhint-disable-line no-empty-blocks
    }

    function _matches(LeaseFilter calldata filter, Lease memory lease) private pure returns (bool) {
        if (lease.status == LeaseStatus.None) return false;
        if (filter.live && lease.status == LeaseStatus.Ended) return false;
        if (filter.tenant != address(0) && filter.tenant != lease.tenant) return false;
        return filter.node == 0 || filter.node == lease.node;
    }

    /// @dev A refusal should not hide the price, which may be the reason for it.
    function _priceRefused(Terms calldata terms, Quoted memory result) private view {
        try this.priceOn{ gas: _bounded() }(terms, result.node) returns (
            uint256 pricePerHour,
            uint16 minCharge,
            uint32 notice
        ) {
            if (pricePerHour == 0) return;
            result.pricePerHour = pricePerHour;
            _setLeast(result, minCharge, notice);
        } catch {} // solhint-disable-line no-empty-blocks
    }

    /// @dev Of a request that waits the fee is settled already: it is what of the deposit is held apart.
    /// @return accepted Whether the terms name no template, or one that suits them.
    function _quoteTemplate(Terms calldata terms, Quoted memory result) private view returns (bool accepted) {
        if (terms.template == 0) return true;
        Lease memory lease = ESCROW.leaseOf(result.leaseId);
        if (lease.status == LeaseStatus.Requested) {
            result.templateFee = terms.deposit - lease.deposited;
            return true;
        }
        try DESK.quoteTemplate{ gas: _bounded() }(terms) returns (Templated memory answer) {
            result.templateFee = answer.fee;
            return true;
        } catch (bytes memory reason) {
            result.refusal = reason;
        }
    }

    function _refuse(Quoted memory result, bytes memory reason) private pure {
        (result.accepted, result.refusal) = (false, reason);
    }

    /// @dev {ILeaseMandates-renew} asks for an active lease and for bounds that hold one more renewal; a lease is not
    /// active before it started.
    function _renewableFrom(
        ILeaseMandates.Renewal memory renewal,
        Lease memory lease,
        uint256 runsOutAt
    ) private pure returns (uint256 from) {
        bool allowed = renewal.amount != 0 && renewal.budget >= renewal.amount;
        if (!allowed || lease.status != LeaseStatus.Active) return 0;
        from = runsOutAt > renewal.runway ? runsOutAt - renewal.runway : 0;
        if (from < lease.startedAt) from = lease.startedAt;
    }

    function _requireCode(address target) private view {
        if (target.code.length == 0) revert DeCloudLens_NoCode({ target: target });
    }

    /// @dev What the node's terms and the price make the least deposit.
    function _setLeast(Quoted memory result, uint16 minCharge, uint32 notice) private pure {
        (result.minCharge, result.notice) = (minCharge, notice);
        result.minimumDeposit = Billing.leastDepositUp(result.pricePerHour, minCharge) + result.templateFee;
    }

    /// @return stage The status, and what the clock has made of it.
    /// @return endableFrom From when anyone may expire or end the lease, 0 when nobody may any more.
    function _stageOf(
        Lease memory lease,
        uint256 runsOutAt
    ) private view returns (Stage stage, uint256 endableFrom) {
        LeaseStatus status = lease.status;
        if (status == LeaseStatus.None) return (Stage.None, 0);
        if (status == LeaseStatus.Ended) return (Stage.Ended, 0);
        if (status == LeaseStatus.Active) {
            stage = block.timestamp < runsOutAt ? Stage.Active : Stage.Depleted;
            return (stage, runsOutAt + Caps.DEPLETED_GRACE);
        }
        bool late = block.timestamp > lease.activateBy;
        endableFrom = uint256(lease.activateBy) + 1;
        if (status == LeaseStatus.Requested) {
            stage = late ? Stage.RequestLapsed : Stage.Requested;
        } else {
            stage = late ? Stage.ActivationOverdue : Stage.Assigned;
        }
    }

    function _templateFeeOf(
        bytes32 leaseId,
        uint256 startedAt
    ) private view returns (TemplateFee memory result) {
        (result.template, result.version) = ESCROW.templateOf(leaseId);
        uint16 refundWindow;
        (result.author, result.held, refundWindow) = ESCROW.templateFeeOf(leaseId);
        if (result.template != 0 && startedAt != 0) result.refundableUntil = startedAt + refundWindow;
        result.refundable = result.held != 0 && (startedAt == 0 || block.timestamp < result.refundableUntil);
    }
}
