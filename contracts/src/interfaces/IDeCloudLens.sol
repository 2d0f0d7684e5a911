// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Capacity, Lease, Prices, Terms } from "../types/DataTypes.sol";
import { ILeaseMandates } from "./ILeaseMandates.sol";
import { INodeRegistry } from "./INodeRegistry.sol";
import { IReviews } from "./IReviews.sol";
import { ITemplateRegistry } from "./ITemplateRegistry.sol";

/// @title IDeCloudLens
/// @notice What a page shows, in one call. It holds nothing, remembers nothing and may do nothing; no contract reads it,
/// and a better one can be deployed beside it on any day.
///
/// Where its figures come from. Views of leases and accounts ask the escrow, its mandates and USDC alone, so no registry
/// can darken them. Registry, policy and templates are found through the desk's pointers at the moment of the call: a
/// move is followed. Each of these, and of reviews, reputation and stake, is asked with bounded gas, and where it stays
/// silent its fields are zero and its flag in the result is false.
///
/// How lists are made. No contract lists leases: a list would cost each opening 22,000 gas and more. Their ids are in the
/// logs of the escrow, `LeaseRequested` by tenant and `LeaseAssigned` by node; given those, {leasesOf} pages over what
/// the escrow says of them. Nodes and templates are numbered from 1 and need no ids. A page holds {MAX_PAGE} at most.
interface IDeCloudLens {
    /// @notice Where a lease stands for whoever looks at it now.
    /// RequestLapsed: nobody may take the request any longer. ActivationOverdue: the node may not activate any longer;
    /// both can be expired. Depleted: active, with nothing left: the machine is stopped until a top-up.
    enum Stage {
        None,
        Requested,
        RequestLapsed,
        Assigned,
        ActivationOverdue,
        Active,
        Depleted,
        Ended
    }

    /// @notice The template of a lease and what is held for it.
    /// @param template 0 for none.
    /// @param held 0 once it was paid or given back, or when the template is free.
    /// @param refundableUntil Until when an end gives it back; 0 before activation, when it always would.
    /// @param refundable Whether an end now gives it back; a held fee that is not refundable can be released by anyone.
    struct TemplateFee {
        uint32 template;
        uint32 version;
        address author;
        uint32 held;
        uint256 refundableUntil;
        bool refundable;
    }

    /// @notice A lease. Times are seconds since 1970, 0 for never.
    /// @param asOf The moment of `due` and `vested`; everything else is of now.
    /// @param due What is owed for the time up to `asOf`, vested or not.
    /// @param vested What a settlement at `asOf` brings `settled` to.
    /// @param refundable What a close would give back.
    /// @param runsOutAt First second at which all that was paid in is due.
    /// @param runway Seconds from now until then.
    /// @param endableFrom From when anyone may expire a lease that did not become active, or end one that ran dry.
    /// @param reclaimableFrom From when the operator may reclaim, once notice was given.
    /// @param renewal What the tenant lets anyone renew.
    /// @param renewableFrom From when, as long as bounds and the tenant's balance allow for it; 0 when the bounds do not.
    /// @param tenantBalance The tenant's internal balance, which renewals are paid from.
    /// @param operator Who may reclaim, credit and switch the relay; 0 like `payee` while no node has the lease.
    struct LeaseView {
        bytes32 leaseId;
        Stage stage;
        Lease lease;
        uint256 asOf;
        uint256 due;
        uint256 vested;
        uint256 refundable;
        uint256 runsOutAt;
        uint256 runway;
        uint256 endableFrom;
        uint256 reclaimableFrom;
        TemplateFee templateFee;
        ILeaseMandates.Renewal renewal;
        uint256 renewableFrom;
        uint256 tenantBalance;
        address payee;
        address operator;
    }

    /// @notice Which leases are wanted.
    /// @param tenant 0 for any.
    /// @param node 0 for any, requests included.
    /// @param live Whether those that ended are left out.
    struct LeaseFilter {
        address tenant;
        uint32 node;
        bool live;
    }

    /// @notice What the registry says of a node.
    /// @param relayCapacity Places it offers as a relay.
    /// @param relayed Nodes behind it.
    struct Listing {
        bytes32 nodeId;
        INodeRegistry.Offer offer;
        address pendingOperator;
        bytes32 sealingKey;
        uint32 sealingKeyEpoch;
        bool hasCustomPricing;
        uint16 relayCapacity;
        uint16 relayed;
    }

    /// @notice Who answered.
    struct Answered {
        bool registry;
        bool policy;
        bool reviews;
        bool reputation;
        bool stake;
    }

    /// @notice A node.
    /// @param prices What a lease would be priced with: the node's own or the defaults, lifted to the floors. Zero unless
    /// both registry and policy answered.
    /// @param free What a new lease may take; zero unless the registry answered.
    /// @param earned What the payee can withdraw.
    /// @param operator As the escrow knows it since the node's first lease; the registry's is in the offer.
    /// @param uptimeBps Of the last 30 days, by `opinions` attesters; nothing is known while those are 0.
    struct NodeView {
        uint32 node;
        Answered answered;
        Listing listing;
        Prices prices;
        Capacity inUse;
        Capacity free;
        uint256 earned;
        address payee;
        address operator;
        uint32 hosted;
        uint32 completed;
        IReviews.Rating rating;
        uint256 uptimeBps;
        uint256 opinions;
        bool isPremium;
    }

    /// @notice A template with its latest version. Content is in the log of the block `latest.publishedIn`.
    /// @param answered Whether the registry of templates did.
    /// @param isRated Whether the reviews answered.
    struct TemplateView {
        uint32 template;
        bool answered;
        ITemplateRegistry.Template head;
        ITemplateRegistry.Version latest;
        bool isRated;
        IReviews.Rating rating;
    }

    /// @notice What terms cost on a node, or why they are refused.
    /// @param refusal The very bytes with which the escrow would revert; empty when accepted, or when a registry failed
    /// without a word.
    /// @param pricePerHour Also of refused terms, as long as registry and policy can price them; else 0.
    /// @param minimumDeposit The least deposit for terms at this price, template fee included; 0 without a price.
    /// @param templateFee 0 also when the template is refused.
    /// @param runway Seconds that the deposit buys; 0 unless accepted by a node, like all below but `minCharge`, `notice`.
    struct Quoted {
        bytes32 leaseId;
        uint32 node;
        bool accepted;
        bytes refusal;
        uint256 pricePerHour;
        uint256 minimumDeposit;
        uint256 templateFee;
        uint256 runway;
        uint256 activateBy;
        uint16 minCharge;
        uint32 notice;
        uint32 relay;
        uint16 platformBps;
        uint16 relayBps;
    }

    /// @notice The price policy as it stands.
    struct Policy {
        Prices floors;
        Prices defaults;
        uint8[4] unitsPerVcpu;
        uint16[4] bandwidthMultiplierBps;
        uint32[4] bandwidthRates;
        uint16 platformBps;
    }

    /// @notice The market: which contracts count, which will, and what they hold.
    /// @param pointersMoveAt When `nextRegistry` and `nextPolicy` may take over; 0 when nothing is announced.
    /// @param templatesMoveAt The same for `nextTemplates`.
    /// @param pausedUntil In the past, or 0, while new business goes on.
    /// @param nodes How many nodes the registry has, 0 when it does not answer; the same for `templateCount`.
    /// @param isPriced Whether the policy answered.
    struct Market {
        address registry;
        address policy;
        address templates;
        address nextRegistry;
        address nextPolicy;
        address nextTemplates;
        uint256 pointersMoveAt;
        uint256 templatesMoveAt;
        uint256 pausedUntil;
        uint32 nodes;
        uint32 templateCount;
        bool isPriced;
        Policy terms;
    }

    /// @notice What an account can pay with.
    /// @param balance Its internal balance in the escrow.
    /// @param wallet Its USDC.
    /// @param allowance What of that the escrow may take.
    struct Account {
        uint256 balance;
        uint256 wallet;
        uint256 allowance;
    }

    /// @notice There is no contract at this address.
    error DeCloudLens_NoCode(address target);

    /// @notice With so little gas a contract that answers would look like one that does not: call with more.
    error DeCloudLens_GasTooLow(uint256 gas, uint256 needed);

    // ------------------------------------------------------------------------------------------------ leases

    /// @param asOf 0 for now.
    function leaseView(bytes32 leaseId, uint256 asOf) external view returns (LeaseView memory);

    /// @notice Of each id in turn, unknown ones too; as many as the caller's gas carries.
    function leaseViews(bytes32[] calldata leaseIds, uint256 asOf) external view returns (LeaseView[] memory);

    /// @notice A page of those of the given leases that exist and match, in the order given. Ids are taken for hints, from
    /// logs or from anywhere: tenant, node and status are read from the escrow.
    /// @param offset How many matching ones to skip.
    /// @return page At most {MAX_PAGE} of them.
    /// @return total How many match.
    function leasesOf(
        LeaseFilter calldata filter,
        bytes32[] calldata leaseIds,
        uint256 offset,
        uint256 count
    ) external view returns (LeaseView[] memory page, uint256 total);

    // ------------------------------------------------------------------------------------------------ prices

    /// @notice What these terms cost on this node and whether it takes them now: as they would be opened, or, of a
    /// request that waits, as it would be assigned. Whether the terms were opened before and who pays are not asked;
    /// {quoteOpen} asks the first. A pause refuses terms that name a node, as they would be opened now. Terms with `node`
    /// 0 can be quoted on any node.
    function quote(Terms calldata terms, uint32 node) external view returns (Quoted memory);

    /// @notice The same on several nodes.
    function quotes(Terms calldata terms, uint32[] calldata nodes) external view returns (Quoted[] memory);

    /// @notice What `open` would answer the tenant now, but for USDC itself: see {accountView}. A request without a node
    /// is accepted without a price.
    function quoteOpen(Terms calldata terms) external view returns (Quoted memory);

    // ------------------------------------------------------------------------------------------------ the market

    function accountView(address account) external view returns (Account memory);
    function marketView() external view returns (Market memory);
    function nodeView(uint32 node) external view returns (NodeView memory);

    /// @notice Nodes `offset + 1` and following; none when the registry does not answer.
    /// @return page At most {MAX_PAGE} of them.
    /// @return total How many there are.
    function nodeViews(
        uint256 offset,
        uint256 count
    ) external view returns (NodeView[] memory page, uint256 total);

    function templateView(uint32 template) external view returns (TemplateView memory);

    /// @notice Templates `offset + 1` and following; none when their registry does not answer.
    function templateViews(
        uint256 offset,
        uint256 count
    ) external view returns (TemplateView[] memory page, uint256 total);

    /// @notice Versions `offset + 1` and following of a template. Reverts when their registry does not answer.
    function versionViews(
        uint32 template,
        uint256 offset,
        uint256 count
    ) external view returns (ITemplateRegistry.Version[] memory page, uint256 total);

    // ------------------------------------------------------------------------------------------------ the parts
    // One replaceable contract each. They revert when it does: the views above ask through them and catch that.

    function listingOf(uint32 node) external view returns (Listing memory);
    function policyNow() external view returns (Policy memory);

    /// @notice The price of the terms on a node, whether or not it has room for them. Zeros for a node that does not exist.
    function priceOn(
        Terms calldata terms,
        uint32 node
    ) external view returns (uint256 pricePerHour, uint16 minCharge, uint32 notice);

    function nodeCount() external view returns (uint32);
    function templateCount() external view returns (uint32);
    function templateEntry(
        uint32 template
    ) external view returns (ITemplateRegistry.Template memory head, ITemplateRegistry.Version memory latest);
    /// @notice The most entries of a page; a larger `count` gives this many.
    function MAX_PAGE() external view returns (uint256);
}
