// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import { Ledger } from "./abstracts/Ledger.sol";
import { Pointers } from "./abstracts/Pointers.sol";
import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IPricePolicy } from "./interfaces/IPricePolicy.sol";
import { Billing } from "./libraries/Billing.sol";
import { Errors } from "./libraries/Errors.sol";
import { Pricing } from "./libraries/Pricing.sol";
import { Text } from "./libraries/Text.sol";
import { Capacity, EndReason, Lease, LeaseStatus, Prices, Terms } from "./types/DataTypes.sol";
import { Book, Holding, LeaseRecord, Meter, Price } from "./types/LeaseRecord.sol";

/// @title LeaseEscrow
/// @notice See the documentation in {ILeaseEscrow}. Immutable, and nobody has a role over a balance.
contract LeaseEscrow is Ledger, Pointers {
    /// @notice Time to activate when the terms leave it open.
    uint256 public constant DEFAULT_ACTIVATE_WITHIN = 15 minutes;
    uint256 public constant MIN_ACTIVATE_WITHIN = 1 minutes;
    uint256 public constant MAX_ACTIVATE_WITHIN = 1 days;

    /// @notice The longest time earned money may stay creditable to the tenant.
    uint256 public constant MAX_HOLD_BACK = 1 days;

    /// @notice How long a depleted lease keeps its place on the node before anyone may end it.
    uint256 public constant DEPLETED_GRACE = 72 hours;

    /// @notice What is paid in buys at least this long, and at least the node's minimum charge: a lease that could not
    /// pay its own minimum would hold capacity for less than its price.
    uint256 public constant MIN_RUNWAY = 1 minutes;

    uint256 public constant MAX_MIN_CHARGE = 5 minutes;
    uint256 public constant MAX_PLATFORM_BPS = 1500;
    uint256 public constant MAX_RELAY_BPS = 2000;

    mapping(bytes32 leaseId => LeaseRecord) private _leases;

    /// @param usdc The token all money is in.
    /// @param initialRegistry First node registry.
    /// @param initialPolicy First price policy.
    /// @param owner May announce a move of the two pointers, and nothing else.
    /// @param platformPayee Takes out what the platform earns.
    constructor(
        IERC20 usdc,
        INodeRegistry initialRegistry,
        IPricePolicy initialPolicy,
        address owner,
        address platformPayee
    ) Ledger(usdc, platformPayee) Pointers(initialRegistry, initialPolicy, owner) {} // solhint-disable-line no-empty-blocks

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ILeaseEscrow
    function due(bytes32 leaseId, uint256 timestamp) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        return _due(lease.price, lease.meter, timestamp);
    }

    /// @inheritdoc ILeaseEscrow
    function inUse(uint32 node) external view override returns (Capacity memory) {
        Book memory book = _nodes[node].book;
        return
            Capacity({
                pointUnits: book.pointUnits,
                memoryMiB: book.memoryMiB,
                diskGiB: book.diskGiB,
                gpus: book.gpus
            });
    }

    /// @inheritdoc ILeaseEscrow
    function leaseIdOf(Terms calldata terms) public view override returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), terms));
    }

    /// @inheritdoc ILeaseEscrow
    function leaseOf(bytes32 leaseId) external view override returns (Lease memory) {
        LeaseRecord memory lease = _leases[leaseId];
        return
            Lease({
                status: _status(lease.holding, lease.price, lease.meter),
                endReason: lease.meter.endReason,
                tenant: lease.holding.tenant,
                node: lease.price.node,
                relay: lease.price.relay,
                activateBy: lease.holding.activateBy,
                startedAt: lease.meter.startedAt,
                endedAt: lease.meter.endedAt,
                pricePerHour: lease.price.pricePerHour,
                deposited: lease.price.deposited,
                settled: lease.meter.settled,
                credited: lease.meter.credited,
                holdBack: lease.price.holdBack,
                minCharge: lease.price.minCharge,
                notice: lease.extras.notice,
                platformBps: lease.price.platformBps,
                relayBps: lease.price.relayBps,
                paidBefore: lease.meter.paidBefore
            });
    }

    /// @inheritdoc ILeaseEscrow
    function refundable(bytes32 leaseId) external view override returns (uint256) {
        LeaseRecord memory lease = _leases[leaseId];
        LeaseStatus status = _status(lease.holding, lease.price, lease.meter);
        if (status == LeaseStatus.None || status == LeaseStatus.Ended) return 0;
        if (status == LeaseStatus.Active) {
            lease.meter.endReason = EndReason.ClosedByTenant;
            lease.meter.endedAt = uint40(block.timestamp);
        }
        return lease.price.deposited - _finalDue(lease.price, lease.meter);
    }

    /// @inheritdoc ILeaseEscrow
    function runsOutAt(bytes32 leaseId) external view override returns (uint256) {
        LeaseRecord memory lease = _leases[leaseId];
        if (_status(lease.holding, lease.price, lease.meter) != LeaseStatus.Active) return 0;
        return _runsOutAt(lease.price, lease.meter);
    }

    /// @inheritdoc ILeaseEscrow
    function vested(bytes32 leaseId, uint256 timestamp) external view override returns (uint256) {
        LeaseRecord storage lease = _leases[leaseId];
        return _vested(lease.price, lease.meter, timestamp);
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ILeaseEscrow
    function activate(bytes32 leaseId, bytes32 hostKeyFingerprint) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Holding memory holding = lease.holding;
        uint32 node = lease.price.node;
        _requireStatus(leaseId, lease, LeaseStatus.Assigned);
        if (block.timestamp > holding.activateBy) {
            revert Errors.LeaseEscrow_ActivationTooLate({ leaseId: leaseId, activateBy: holding.activateBy });
        }
        address agent = registry.agentOf(node);
        if (msg.sender != agent) {
            revert Errors.LeaseEscrow_NotAgent({ leaseId: leaseId, agent: agent, caller: msg.sender });
        }
        uint40 startedAt = uint40(block.timestamp);
        lease.meter.startedAt = startedAt;
        emit LeaseActivated({
            leaseId: leaseId,
            node: node,
            startedAt: startedAt,
            hostKeyFingerprint: hostKeyFingerprint
        });
    }

    /// @inheritdoc ILeaseEscrow
    function close(bytes32 leaseId, address to) external override {
        LeaseRecord storage lease = _leases[leaseId];
        Holding memory holding = lease.holding;
        if (msg.sender != holding.tenant) {
            revert Errors.LeaseEscrow_NotTenant({
                leaseId: leaseId,
                tenant: holding.tenant,
                caller: msg.sender
            });
        }
        bool started = lease.meter.startedAt != 0;
        _end({
            leaseId: leaseId,
            lease: lease,
            holding: holding,
            reason: started ? EndReason.ClosedByTenant : EndReason.Cancelled,
            to: to
        });
    }

    /// @inheritdoc ILeaseEscrow
    function end(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        _requireStatus(leaseId, lease, LeaseStatus.Active);
        uint256 from = _runsOutAt(lease.price, lease.meter) + DEPLETED_GRACE;
        if (block.timestamp < from) revert Errors.LeaseEscrow_NotEndableYet({ leaseId: leaseId, from: from });
        _end({
            leaseId: leaseId,
            lease: lease,
            holding: lease.holding,
            reason: EndReason.Depleted,
            to: address(0)
        });
    }

    /// @inheritdoc ILeaseEscrow
    function expire(bytes32 leaseId) external override {
        LeaseRecord storage lease = _leases[leaseId];
        _requireStatus(leaseId, lease, LeaseStatus.Assigned);
        Holding memory holding = lease.holding;
        if (block.timestamp <= holding.activateBy) {
            revert Errors.LeaseEscrow_NotExpiredYet({ leaseId: leaseId, activateBy: holding.activateBy });
        }
        _end({ leaseId: leaseId, lease: lease, holding: holding, reason: EndReason.Expired, to: address(0) });
    }

    /// @inheritdoc ILeaseEscrow
    function open(Terms calldata terms, bytes calldata manifest) external override returns (bytes32 leaseId) {
        leaseId = _open(terms, manifest);
        _pull({ from: msg.sender, amount: terms.deposit });
    }

    /// @inheritdoc ILeaseEscrow
    function openFromBalance(
        Terms calldata terms,
        bytes calldata manifest
    ) external override returns (bytes32 leaseId) {
        leaseId = _open(terms, manifest);
        _debitBalance({ account: msg.sender, amount: terms.deposit });
        _emitBalance(msg.sender);
    }

    /// @inheritdoc ILeaseEscrow
    function openWithPermit(
        Terms calldata terms,
        bytes calldata manifest,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external override returns (bytes32 leaseId) {
        leaseId = _open(terms, manifest);
        // Whoever saw the permit may have submitted it first; then the allowance is there and this one fails.
        // solhint-disable-next-line no-empty-blocks
        try
            IERC20Permit(address(USDC)).permit(msg.sender, address(this), terms.deposit, deadline, v, r, s)
        {} catch {} // solhint-disable-line no-empty-blocks
        _pull({ from: msg.sender, amount: terms.deposit });
    }

    /// @inheritdoc ILeaseEscrow
    function settle(bytes32[] calldata leaseIds) external override {
        for (uint256 i = 0; i < leaseIds.length; ++i) {
            bytes32 leaseId = leaseIds[i];
            LeaseRecord storage lease = _leases[leaseId];
            Meter memory meter = lease.meter;
            if (meter.startedAt == 0) continue;
            Price memory price = lease.price;
            if (_settle(leaseId, price, meter)) lease.meter.settled = meter.settled;
        }
    }

    /// @inheritdoc ILeaseEscrow
    function topUp(bytes32 leaseId, uint64 amount) external override {
        _topUp(leaseId, amount);
        _pull({ from: msg.sender, amount: amount });
    }

    /// @inheritdoc ILeaseEscrow
    function topUpFromBalance(bytes32 leaseId, uint64 amount) external override {
        _topUp(leaseId, amount);
        _debitBalance({ account: msg.sender, amount: amount });
        _emitBalance(msg.sender);
    }

    // ------------------------------------------------------------------------------------------------ billing

    /// @dev What accrued, at least the minimum charge once the tenant has ended the lease, at most what was paid in.
    function _due(Price memory price, Meter memory meter, uint256 timestamp) private pure returns (uint256) {
        if (meter.startedAt == 0) return 0;
        uint256 until = meter.endedAt != 0 && meter.endedAt < timestamp ? meter.endedAt : timestamp;
        uint256 accrued = Billing.accruedDown({
            paidBefore: meter.paidBefore,
            pricePerHour: price.pricePerHour,
            startedAt: meter.startedAt,
            credited: meter.credited,
            timestamp: until
        });
        uint256 leastCharge =
            meter.endReason == EndReason.ClosedByTenant
                ? Billing.costDown({ pricePerHour: price.pricePerHour, duration: price.minCharge })
                : 0;
        return Billing.due({ accrued: accrued, leastCharge: leastCharge, deposited: price.deposited });
    }

    /// @dev The whole bill of a lease that has ended. What is settled stays settled.
    function _finalDue(Price memory price, Meter memory meter) private pure returns (uint256) {
        uint256 owed = _due(price, meter, meter.endedAt);
        return owed > meter.settled ? owed : meter.settled;
    }

    function _runsOutAt(Price memory price, Meter memory meter) private pure returns (uint256) {
        return
            Billing.runsOutAt({
                paidBefore: meter.paidBefore,
                pricePerHour: price.pricePerHour,
                startedAt: meter.startedAt,
                credited: meter.credited,
                deposited: price.deposited
            });
    }

    /// @dev `max(settled, due(timestamp − holdBack))`; as `due` stands still from the end on, all of it has vested at
    /// `end + holdBack`.
    function _vested(
        Price memory price,
        Meter memory meter,
        uint256 timestamp
    ) private pure returns (uint256) {
        uint256 creditable = timestamp > price.holdBack ? timestamp - price.holdBack : 0;
        uint256 owed = _due(price, meter, creditable);
        return owed > meter.settled ? owed : meter.settled;
    }

    /// @dev Credits what has vested and notes it in `meter`, which the caller stores. The shares are differences of
    /// functions of the cumulative amount, so the schedule of settlements leaves no trace.
    /// @return changed Whether there was anything to credit.
    function _settle(bytes32 leaseId, Price memory price, Meter memory meter) private returns (bool changed) {
        uint256 settled = _vested(price, meter, block.timestamp);
        if (settled == meter.settled) return false;
        (uint256 platform, uint256 relay, uint256 node) = Billing.sharesDown({
            amount: settled,
            platformBps: price.platformBps,
            relayBps: price.relayBps
        });
        if (meter.settled != 0) {
            (uint256 platformBefore, uint256 relayBefore, uint256 nodeBefore) = Billing.sharesDown({
                amount: meter.settled,
                platformBps: price.platformBps,
                relayBps: price.relayBps
            });
            unchecked {
                // The shares are monotone in the amount.
                platform -= platformBefore;
                relay -= relayBefore;
                node -= nodeBefore;
            }
        }
        // At most `deposited`, which has 64 bits.
        meter.settled = uint64(settled);
        _creditEarned({ node: 0, amount: platform });
        _creditEarned({ node: price.relay, amount: relay });
        _creditEarned({ node: price.node, amount: node });
        emit LeaseSettled({ leaseId: leaseId, node: price.node, settled: uint64(settled) });
        return true;
    }

    // ------------------------------------------------------------------------------------------------ edges

    /// @dev Any live state → Ended. Calls nobody but USDC, and that last.
    function _end(
        bytes32 leaseId,
        LeaseRecord storage lease,
        Holding memory holding,
        EndReason reason,
        address to
    ) private {
        Meter memory meter = lease.meter;
        if (meter.endReason != EndReason.None) {
            revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: LeaseStatus.Ended });
        }
        Price memory price = lease.price;
        meter.endReason = reason;
        meter.endedAt = uint40(block.timestamp);
        _settle(leaseId, price, meter);
        uint256 finalDue = _finalDue(price, meter);
        lease.meter = meter;
        _release(price.node, holding);
        uint256 refunded = price.deposited - finalDue;
        address sentTo = _refund({ account: holding.tenant, to: to, amount: refunded });
        emit LeaseEnded({
            leaseId: leaseId,
            tenant: holding.tenant,
            node: price.node,
            reason: reason,
            endedAt: meter.endedAt,
            due: uint64(finalDue),
            refunded: uint64(refunded),
            to: sentTo
        });
    }

    /// @dev None → Assigned: a targeted lease is priced as it is opened. The caller pays in afterwards.
    function _open(Terms calldata terms, bytes calldata manifest) private returns (bytes32 leaseId) {
        leaseId = leaseIdOf(terms);
        if (msg.sender != terms.tenant) {
            revert Errors.LeaseEscrow_NotTenant({
                leaseId: leaseId,
                tenant: terms.tenant,
                caller: msg.sender
            });
        }
        if (terms.node == 0) revert Errors.LeaseEscrow_UntargetedUnsupported();
        if (terms.template != 0) revert Errors.LeaseEscrow_TemplateUnsupported({ template: terms.template });
        LeaseRecord storage lease = _leases[leaseId];
        if (lease.holding.tenant != address(0)) revert Errors.LeaseEscrow_AlreadyOpened({ leaseId: leaseId });
        emit LeaseRequested({ leaseId: leaseId, tenant: terms.tenant, terms: terms, manifest: manifest });
        _assign({ leaseId: leaseId, lease: lease, terms: terms, node: terms.node });
    }

    /// @dev Prices the lease with the node's figures of this moment and freezes them, and takes the capacity.
    function _assign(bytes32 leaseId, LeaseRecord storage lease, Terms calldata terms, uint32 node) private {
        (Price memory price, Holding memory holding, INodeRegistry.Offer memory offer) = _price(
            leaseId,
            terms,
            node
        );
        lease.holding = holding;
        lease.price = price;
        if (offer.notice != 0) lease.extras.notice = offer.notice;
        bool first = _reserve(node, holding, offer.capacity);
        if (first) _setPayee({ node: node, payee: offer.operator });
        emit LeaseAssigned({
            leaseId: leaseId,
            node: node,
            pricePerHour: price.pricePerHour,
            minCharge: price.minCharge,
            notice: offer.notice,
            platformBps: price.platformBps,
            relay: price.relay,
            relayBps: price.relayBps,
            activateBy: holding.activateBy
        });
    }

    /// @dev After depletion a new paid segment begins now. What had vested is settled first, so that the gap, which
    /// leaves the books, takes nothing with it; the last `holdBack` of the segment before stays creditable and vests as
    /// the new one runs.
    function _topUp(bytes32 leaseId, uint64 amount) private {
        _requireAmount(amount);
        LeaseRecord storage lease = _leases[leaseId];
        Price memory price = lease.price;
        Meter memory meter = lease.meter;
        // A lease with a price exists: the first slot need not be read.
        if (price.pricePerHour == 0 || meter.endReason != EndReason.None) {
            revert Errors.LeaseEscrow_WrongStatus({
                leaseId: leaseId,
                status: price.pricePerHour == 0 ? LeaseStatus.None : LeaseStatus.Ended
            });
        }
        if (meter.startedAt != 0 && block.timestamp >= _runsOutAt(price, meter)) {
            _requireRunway(price.pricePerHour, price.minCharge, amount);
            _settle(leaseId, price, meter);
            meter.paidBefore = price.deposited;
            meter.startedAt = uint40(block.timestamp);
            meter.credited = 0;
            lease.meter = meter;
        }
        uint256 deposited = uint256(price.deposited) + amount;
        if (deposited > type(uint64).max) {
            revert Errors.LeaseEscrow_DepositTooLarge({ amount: deposited, maximum: type(uint64).max });
        }
        lease.price.deposited = uint64(deposited);
        emit LeaseToppedUp({
            leaseId: leaseId,
            payer: msg.sender,
            deposited: uint64(deposited),
            startedAt: meter.startedAt
        });
    }

    // ------------------------------------------------------------------------------------------------ pricing

    /// @dev Reads registry and policy, trusts neither: every figure they name is held to a cap written here.
    function _price(
        bytes32 leaseId,
        Terms calldata terms,
        uint32 node
    ) private view returns (Price memory price, Holding memory holding, INodeRegistry.Offer memory offer) {
        offer = registry.offer(node);
        if (!offer.active || offer.operator == address(0))
            revert Errors.LeaseEscrow_NodeNotActive({ node: node });
        _requireCap("minCharge", offer.minCharge, MAX_MIN_CHARGE);
        _requireCap("relayBps", offer.relayBps, MAX_RELAY_BPS);
        if (offer.notice < terms.minNotice) {
            revert Errors.LeaseEscrow_NoticeTooShort({
                node: node,
                notice: offer.notice,
                minNotice: terms.minNotice
            });
        }
        uint256 pricePerHour;
        uint256 platformBps;
        (pricePerHour, platformBps, holding) = _quote(terms, offer.prices);
        if (pricePerHour > terms.maxPricePerHour) {
            revert Errors.LeaseEscrow_PriceAboveMaximum({
                leaseId: leaseId,
                pricePerHour: pricePerHour,
                maxPricePerHour: terms.maxPricePerHour
            });
        }
        if (pricePerHour == 0 || pricePerHour > type(uint56).max) {
            revert Errors.LeaseEscrow_PriceOutOfRange({
                pricePerHour: pricePerHour,
                maximum: type(uint56).max
            });
        }
        _requireRunway(pricePerHour, offer.minCharge, terms.deposit);
        _requireWithin("holdBack", terms.holdBack, 0, MAX_HOLD_BACK);
        price = Price({
            deposited: terms.deposit,
            pricePerHour: uint56(pricePerHour),
            node: node,
            relay: offer.relay,
            holdBack: uint24(terms.holdBack),
            minCharge: offer.minCharge,
            platformBps: uint16(platformBps),
            relayBps: offer.relay == 0 ? 0 : offer.relayBps
        });
    }

    /// @dev Price and units of what the terms ask for. Every narrowing below is checked by the bound before it.
    function _quote(
        Terms calldata terms,
        Prices memory nodePrices
    ) private view returns (uint256 pricePerHour, uint256 platformBps, Holding memory holding) {
        Prices memory floors;
        Prices memory defaults;
        uint256 unitsPerVcpu;
        uint256 multiplierBps;
        uint256 bandwidthRate;
        (floors, defaults, unitsPerVcpu, multiplierBps, bandwidthRate, platformBps) = policy.pricing(
            terms.tier,
            terms.bandwidth
        );
        _requireCap("platformBps", platformBps, MAX_PLATFORM_BPS);
        _requireCap("unitsPerVcpu", unitsPerVcpu, Pricing.UNITS_PER_POINT);
        uint256 pointUnits = terms.vcpus * unitsPerVcpu;
        _requireWithin("pointUnits", pointUnits, 1, type(uint16).max);
        _requireWithin("memoryMiB", terms.memoryMiB, 1, type(uint24).max);
        _requireWithin("diskGiB", terms.diskGiB, 1, type(uint16).max);
        pricePerHour = Pricing.pricePerHourUp({
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
        uint256 activateWithin = terms.activateWithin == 0 ? DEFAULT_ACTIVATE_WITHIN : terms.activateWithin;
        _requireWithin("activateWithin", activateWithin, MIN_ACTIVATE_WITHIN, MAX_ACTIVATE_WITHIN);
        holding = Holding({
            tenant: terms.tenant,
            activateBy: uint32(block.timestamp + activateWithin),
            pointUnits: uint16(pointUnits),
            memoryMiB: uint24(terms.memoryMiB),
            diskGiB: uint16(terms.diskGiB),
            gpus: terms.gpus
        });
    }

    // ------------------------------------------------------------------------------------------------ capacity

    /// @dev Gives back what a lease held.
    function _release(uint32 node, Holding memory holding) private {
        Book memory book = _nodes[node].book;
        unchecked {
            // Each was added by `_reserve` for this lease and is taken off once.
            book.pointUnits -= holding.pointUnits;
            book.memoryMiB -= holding.memoryMiB;
            book.diskGiB -= holding.diskGiB;
            book.gpus -= holding.gpus;
        }
        _nodes[node].book = book;
    }

    /// @dev Takes what a lease needs from what the node registered.
    /// @return first Whether this is the node's first lease.
    function _reserve(
        uint32 node,
        Holding memory holding,
        Capacity memory capacity
    ) private returns (bool first) {
        Book memory book = _nodes[node].book;
        first = !book.known;
        book.known = true;
        book.pointUnits = uint40(
            _reserved(node, "compute", book.pointUnits, holding.pointUnits, capacity.pointUnits, 40)
        );
        book.memoryMiB = uint40(
            _reserved(node, "memory", book.memoryMiB, holding.memoryMiB, capacity.memoryMiB, 40)
        );
        book.diskGiB = uint40(_reserved(node, "disk", book.diskGiB, holding.diskGiB, capacity.diskGiB, 40));
        book.gpus = uint24(_reserved(node, "gpu", book.gpus, holding.gpus, capacity.gpus, 24));
        _nodes[node].book = book;
    }

    /// @dev `used + needed`, at most the capacity and at most what `bits` hold.
    function _reserved(
        uint32 node,
        bytes32 resource,
        uint256 used,
        uint256 needed,
        uint256 capacity,
        uint256 bits
    ) private pure returns (uint256) {
        uint256 limit = (1 << bits) - 1;
        if (capacity < limit) limit = capacity;
        uint256 free = used < limit ? limit - used : 0;
        if (needed > free) {
            revert Errors.LeaseEscrow_NoCapacity({
                node: node,
                resource: Text.decode(resource),
                needed: needed,
                free: free
            });
        }
        return used + needed;
    }

    // ------------------------------------------------------------------------------------------------ checks

    function _requireCap(bytes32 figure, uint256 value, uint256 cap) private pure {
        if (value > cap)
            revert Errors.LeaseEscrow_AboveCap({ figure: Text.decode(figure), value: value, cap: cap });
    }

    function _requireRunway(uint256 pricePerHour, uint256 minCharge, uint256 amount) private pure {
        uint256 minimum = Billing.costUp({
            pricePerHour: pricePerHour,
            duration: minCharge > MIN_RUNWAY ? minCharge : MIN_RUNWAY
        });
        if (amount < minimum) revert Errors.LeaseEscrow_DepositTooSmall({ amount: amount, minimum: minimum });
    }

    function _requireStatus(bytes32 leaseId, LeaseRecord storage lease, LeaseStatus wanted) private view {
        LeaseStatus status = _status(lease.holding, lease.price, lease.meter);
        if (status != wanted) revert Errors.LeaseEscrow_WrongStatus({ leaseId: leaseId, status: status });
    }

    function _requireWithin(bytes32 term, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert Errors.LeaseEscrow_TermOutOfRange({
                term: Text.decode(term),
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }

    /// @dev The status is not stored: it follows from what is.
    function _status(
        Holding memory holding,
        Price memory price,
        Meter memory meter
    ) private pure returns (LeaseStatus) {
        if (holding.tenant == address(0)) return LeaseStatus.None;
        if (meter.endReason != EndReason.None) return LeaseStatus.Ended;
        if (meter.startedAt != 0) return LeaseStatus.Active;
        return price.node == 0 ? LeaseStatus.Requested : LeaseStatus.Assigned;
    }
}
