// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { DeCloudLens } from "../../../contracts/src/DeCloudLens.sol";
import { IDeCloudLens } from "../../../contracts/src/interfaces/IDeCloudLens.sol";
import { ILeaseMandates } from "../../../contracts/src/interfaces/ILeaseMandates.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IPricePolicy } from "../../../contracts/src/interfaces/IPricePolicy.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { NodeRegistry } from "../../../contracts/src/NodeRegistry.sol";
import { PremiumStake } from "../../../contracts/src/PremiumStake.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { Reviews } from "../../../contracts/src/Reviews.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { Capacity, Lease, LeaseStatus, Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice A registry with nodes larger than any.
contract BoundlessRegistry {
    function offer(uint32) external pure returns (INodeRegistry.Offer memory result) {
        result.capacity = Capacity(type(uint64).max, type(uint64).max, type(uint64).max, type(uint32).max);
    }

    function nodeIdOf(uint32) external pure returns (bytes32) {
        return keccak256("node");
    }

    function pendingOperatorOf(uint32) external pure returns (address) {
        return address(0);
    }

    function sealingKeyOf(uint32) external pure returns (bytes32, uint32) {
        return (0, 0);
    }

    function hasCustomPricing(uint32) external pure returns (bool) {
        return false;
    }

    function relayOfferOf(uint32) external pure returns (uint16, uint16) {
        return (0, 0);
    }
}

/// @notice Each view against the contracts after the thing was really done, as listed in DeCloudLens.tree.
contract DeCloudLensTest is Fixture {
    address internal constant AUTHOR = address(0xA07);
    address internal constant GUARDIAN = address(0xD12);
    address internal constant SCHEDULER = address(0xD11);
    uint64 internal constant FEE = 2_000_000;
    uint32 internal constant WINDOW = 1800;
    uint256 internal constant STAKE = 1_000_000;

    /// @dev What a registry may turn into: it reverts without a word, burns all gas, answers nonsense, or is gone.
    bytes internal constant REVERTS = hex"5f5ffd";
    bytes internal constant BURNS = hex"5b5f56";
    bytes internal constant BABBLES = hex"60015ff3";
    bytes internal constant GONE = "";

    DeCloudLens internal lens;
    LeaseDesk internal desk;
    ILeaseMandates internal mandates;
    TemplateRegistry internal templates;
    Reviews internal reviews;
    Reputation internal reputation;
    PremiumStake internal stake;
    uint32 internal relay;

    function setUp() public override {
        super.setUp();
        desk = LeaseDesk(address(escrow.DESK()));
        mandates = escrow.MANDATES();
        templates = TemplateRegistry(deploy("TemplateRegistry", ""));
        reviews = Reviews(deploy("Reviews", abi.encode(escrow)));
        reputation = Reputation(deploy("Reputation", abi.encode(escrow, OWNER, OWNER)));
        stake = PremiumStake(deploy("PremiumStake", abi.encode(usdc, registry, reputation, STAKE)));
        lens = DeCloudLens(deploy("DeCloudLens", abi.encode(escrow, reviews, reputation, stake)));
        vm.startPrank(OWNER);
        desk.announceTemplates(ITemplateRegistry(address(templates)));
        desk.setScheduler(SCHEDULER);
        desk.setGuardian(GUARDIAN);
        vm.stopPrank();
        vm.prank(AUTHOR);
        templates.create("redis", _draft(FEE));
        relay = _newNode(1);
        vm.prank(_operator(1));
        registry.setRelayOffer(relay, 5);
    }

    function test_constructor_wantsContracts() external {
        DeCloudLens other = DeCloudLens(
            deploy("DeCloudLens", abi.encode(escrow, reviews, reputation, stake))
        );
        assertTrue(address(other.DESK()) == address(desk), "desk");
        assertTrue(address(other.MANDATES()) == address(mandates), "mandates");
        this.deployRefused(address(escrow), STRANGER, address(reputation), address(stake));
        this.deployRefused(address(escrow), address(reviews), STRANGER, address(stake));
        this.deployRefused(address(escrow), address(reviews), address(reputation), STRANGER);
    }

    function deployRefused(address a, address b, address c, address d) external {
        bytes memory code = abi.encodePacked(vm.getCode("DeCloudLens"), abi.encode(a, b, c, d));
        address deployed;
        bytes32 word;
        address named;
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
            returndatacopy(0, 0, 36)
            word := mload(0)
            named := mload(4)
        }
        assertTrue(deployed == address(0), "refused");
        assertTrue(bytes4(word) == IDeCloudLens.DeCloudLens_NoCode.selector, "no code");
        assertTrue(named == STRANGER, "names it");
    }

    // ------------------------------------------------------------------------------------------------ leases

    /// @notice At any time of any lease: what the view says is what then happens.
    function testFuzz_leaseView_saysWhatSettlingAndClosingDo(
        uint64 deposit,
        uint32 holdBack,
        uint32 elapsed,
        bool withTemplate
    ) external {
        Terms memory asked = withTemplate ? _templated(terms()) : terms();
        asked.deposit = uint64(bound(deposit, FEE + 10_000, 500_000_000));
        asked.holdBack = uint32(bound(holdBack, 0, 1 days));
        bytes32 leaseId = activated(asked);
        forward(bound(elapsed, 0, 30 days));
        uint256 now_ = vm.getBlockTimestamp();
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertEq(seen.asOf, now_, "as of now");
        assertEq(seen.due, escrow.due(leaseId, now_), "due");
        assertTrue(seen.stage == _stage(now_ < seen.runsOutAt), "stage");
        assertEq(
            seen.runway,
            escrow.runsOutAt(leaseId) > now_ ? escrow.runsOutAt(leaseId) - now_ : 0,
            "runway"
        );
        assertTrue(
            keccak256(abi.encode(seen.lease)) == keccak256(abi.encode(escrow.leaseOf(leaseId))),
            "lease"
        );
        settle(leaseId);
        assertEq(escrow.leaseOf(leaseId).settled, seen.vested, "vested is what a settlement settles");
        assertEq(lens.leaseView(leaseId, 0).refundable, seen.refundable, "a settlement takes nothing back");
        uint256 before = usdc.balanceOf(tenant);
        vm.prank(tenant);
        escrow.close(leaseId, tenant);
        assertEq(usdc.balanceOf(tenant) - before, seen.refundable, "refundable is what a close refunds");
        seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.Ended, "ended");
        assertEq(seen.refundable + seen.runway + seen.runsOutAt + seen.endableFrom, 0, "nothing left");
    }

    /// @notice `asOf` moves what is owed and what has vested, and the clock gets there.
    function testFuzz_leaseView_foretells(uint32 ahead, uint32 holdBack) external {
        Terms memory asked = terms();
        asked.holdBack = uint32(bound(holdBack, 0, 1 days));
        bytes32 leaseId = activated(asked);
        uint256 then = vm.getBlockTimestamp() + bound(ahead, 0, 20 days);
        IDeCloudLens.LeaseView memory foretold = lens.leaseView(leaseId, then);
        vm.warp(then);
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertEq(foretold.asOf, then, "as of");
        assertEq(foretold.due, seen.due, "due");
        assertEq(foretold.vested, seen.vested, "vested");
    }

    function test_leaseView_ofNoLease() external view {
        IDeCloudLens.LeaseView memory seen = lens.leaseView(keccak256("none"), 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.None, "stage");
        assertTrue(seen.payee == address(0) && seen.operator == address(0), "nobody");
        assertEq(seen.endableFrom + seen.refundable + seen.renewableFrom, 0, "nothing");
    }

    function test_leaseView_aRequestLapses() external {
        bytes32 leaseId = opened(_request());
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.Requested, "requested");
        assertTrue(seen.payee == address(0), "the platform is not its payee");
        assertEq(seen.refundable, DEPOSIT, "all of it");
        vm.warp(seen.endableFrom - 1);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.Requested, "to the last second");
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotExpiredYet.selector, leaseId, seen.endableFrom - 1)
        );
        escrow.expire(leaseId);
        vm.warp(seen.endableFrom);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.RequestLapsed, "lapsed");
        vm.prank(SCHEDULER);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_RequestLapsed.selector, leaseId, seen.endableFrom - 1)
        );
        escrow.assign(_request(), node);
        escrow.expire(leaseId);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.Ended, "ended");
    }

    function test_leaseView_anActivationIsOverdue() external {
        bytes32 leaseId = opened(terms());
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.Assigned, "assigned");
        assertTrue(seen.payee == OPERATOR && seen.operator == OPERATOR, "the node's");
        vm.warp(seen.endableFrom - 1);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.Assigned, "to the last second");
        vm.warp(seen.endableFrom);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.ActivationOverdue, "overdue");
        vm.prank(AGENT);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.LeaseEscrow_ActivationTooLate.selector,
                leaseId,
                seen.endableFrom - 1
            )
        );
        escrow.activate(leaseId, FINGERPRINT);
        escrow.expire(leaseId);
    }

    function test_leaseView_aLeaseRunsDry() external {
        bytes32 leaseId = activated(terms());
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        vm.warp(seen.runsOutAt - 1);
        seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.Active, "to the last second");
        assertEq(seen.runway, 1, "a second");
        forward(1);
        seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.stage == IDeCloudLens.Stage.Depleted, "depleted");
        assertEq(seen.due, DEPOSIT, "all is due");
        assertEq(seen.runway, 0, "runway");
        vm.warp(seen.endableFrom - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_NotEndableYet.selector, leaseId, seen.endableFrom)
        );
        escrow.end(leaseId);
        vm.prank(tenant);
        escrow.topUp(leaseId, DEPOSIT);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.Active, "revived");
        vm.warp(lens.leaseView(leaseId, 0).endableFrom);
        escrow.end(leaseId);
        assertTrue(lens.leaseView(leaseId, 0).stage == IDeCloudLens.Stage.Ended, "ended");
    }

    function test_leaseView_templateFee() external {
        bytes32 leaseId = opened(_templated(terms()));
        IDeCloudLens.TemplateFee memory fee = lens.leaseView(leaseId, 0).templateFee;
        assertTrue(fee.template == 1 && fee.version == 1 && fee.author == AUTHOR, "template");
        assertEq(fee.held, FEE, "held");
        assertTrue(fee.refundable && fee.refundableUntil == 0, "before activation it always is");
        assertEq(lens.leaseView(leaseId, 0).refundable, DEPOSIT, "deposit and fee");
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        uint256 until = vm.getBlockTimestamp() + WINDOW;
        assertEq(lens.leaseView(leaseId, 0).templateFee.refundableUntil, until, "until");
        vm.warp(until - 1);
        assertTrue(lens.leaseView(leaseId, 0).templateFee.refundable, "to the last second");
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_FeeNotDue.selector, leaseId, until));
        escrow.releaseTemplateFee(leaseId);
        vm.warp(until);
        fee = lens.leaseView(leaseId, 0).templateFee;
        assertTrue(!fee.refundable && fee.held == FEE, "to be released");
        escrow.releaseTemplateFee(leaseId);
        fee = lens.leaseView(leaseId, 0).templateFee;
        assertTrue(!fee.refundable && fee.held == 0 && fee.template == 1, "released");
    }

    function test_leaseView_reclaimAndRoles() external {
        bytes32 leaseId = activated(terms());
        assertEq(lens.leaseView(leaseId, 0).reclaimableFrom, 0, "no notice");
        vm.prank(OPERATOR);
        escrow.startReclaim(leaseId, "moving out");
        uint256 from = lens.leaseView(leaseId, 0).reclaimableFrom;
        vm.warp(from - 1);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.LeaseEscrow_ReclaimNotDue.selector, leaseId, from, from + 7 days)
        );
        escrow.reclaim(leaseId);
        vm.prank(OPERATOR);
        escrow.setOperator(node, STRANGER);
        vm.prank(OPERATOR);
        escrow.proposePayee(node, OWNER);
        vm.prank(OWNER);
        escrow.acceptPayee(node);
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertTrue(seen.payee == OWNER && seen.operator == STRANGER, "the escrow's, not the registry's");
        vm.warp(from);
        vm.prank(STRANGER);
        escrow.reclaim(leaseId);
    }

    function testFuzz_leaseView_renewableFromIsWhenRenewingWorks(uint32 runway) external {
        bytes32 leaseId = activated(terms());
        assertEq(lens.leaseView(leaseId, 0).renewableFrom, 0, "not allowed");
        vm.startPrank(tenant);
        escrow.deposit(50_000_000);
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal(10_000_000, 20_000_000, runway));
        vm.stopPrank();
        IDeCloudLens.LeaseView memory seen = lens.leaseView(leaseId, 0);
        assertEq(seen.tenantBalance, 50_000_000, "balance");
        assertEq(seen.renewal.budget, 20_000_000, "budget");
        uint256 from = seen.renewableFrom;
        assertTrue(from >= seen.lease.startedAt, "not before the start");
        if (from > vm.getBlockTimestamp()) {
            vm.warp(from - 1);
            vm.expectRevert(
                abi.encodeWithSelector(Errors.LeaseMandates_NotRenewableYet.selector, leaseId, from)
            );
            mandates.renew(leaseId);
            vm.warp(from);
        }
        mandates.renew(leaseId);
        seen = lens.leaseView(leaseId, 0);
        assertEq(seen.tenantBalance, 40_000_000, "paid from it");
        assertEq(seen.renewal.budget, 10_000_000, "just one more");
        assertTrue(seen.renewableFrom != 0, "which the bounds allow for");
        if (seen.renewableFrom > vm.getBlockTimestamp()) vm.warp(seen.renewableFrom);
        mandates.renew(leaseId);
        assertEq(lens.leaseView(leaseId, 0).renewableFrom, 0, "and then no further one");
    }

    function test_leaseView_noRenewalBeforeActivation() external {
        bytes32 leaseId = opened(terms());
        vm.prank(tenant);
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal(1, 1, 1));
        assertEq(lens.leaseView(leaseId, 0).renewableFrom, 0, "assigned");
    }

    function test_leaseView_noRenewalAfterTheEnd() external {
        bytes32 leaseId = activated(terms());
        vm.startPrank(tenant);
        mandates.setAutoRenew(leaseId, ILeaseMandates.Renewal(1, 1, 1));
        escrow.close(leaseId, tenant);
        vm.stopPrank();
        assertEq(lens.leaseView(leaseId, 0).renewableFrom, 0, "ended");
    }

    function test_leaseView_withoutATemplateHasNoFee() external {
        bytes32 leaseId = opened(terms());
        IDeCloudLens.TemplateFee memory fee = lens.leaseView(leaseId, 0).templateFee;
        assertTrue(!fee.refundable && fee.refundableUntil == 0, "assigned");
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        fee = lens.leaseView(leaseId, 0).templateFee;
        assertTrue(!fee.refundable && fee.refundableUntil == 0, "active");
    }

    function test_leasesOf_isNeverLongerThanAPage() external {
        bytes32[] memory ids = new bytes32[](34);
        bytes32 leaseId = opened(terms());
        for (uint256 i = 0; i < ids.length; ++i) ids[i] = leaseId;
        IDeCloudLens.LeaseFilter memory all;
        for (uint256 asked = 31; asked <= 34; ++asked) {
            (IDeCloudLens.LeaseView[] memory page, uint256 total) = lens.leasesOf(all, ids, 0, asked);
            assertEq(page.length, asked < 32 ? asked : 32, "page");
            assertEq(total, 34, "total");
        }
    }

    function test_leaseViews_areInTheOrderAsked() external {
        bytes32[] memory ids = new bytes32[](3);
        (ids[0], ids[1], ids[2]) = (opened(_salted(1)), keccak256("none"), activated(_salted(2)));
        forward(1 hours);
        uint256 then = vm.getBlockTimestamp() - 60;
        IDeCloudLens.LeaseView[] memory views = lens.leaseViews(ids, then);
        assertEq(views.length, 3, "length");
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(
                keccak256(abi.encode(views[i])) == keccak256(abi.encode(lens.leaseView(ids[i], then))),
                "the same as alone"
            );
        }
    }

    function test_leasesOf_filtersByWhatTheEscrowSays() external {
        bytes32[] memory ids = _fiveLeases();
        assertEq(_count(address(0), 0, false, ids), 5, "all that exist");
        assertEq(_count(tenant, 0, false, ids), 4, "of the tenant");
        assertEq(_count(STRANGER, 0, false, ids), 1, "of the other");
        assertEq(_count(OWNER, 0, false, ids), 0, "of one without");
        assertEq(_count(address(0), node, false, ids), 3, "of the node");
        assertEq(_count(address(0), relay, false, ids), 1, "of the other node");
        assertEq(_count(tenant, node, false, ids), 2, "of both");
        assertEq(_count(tenant, node, true, ids), 1, "live ones");
        assertEq(_count(address(0), 0, true, ids), 4, "all live ones");
        assertEq(_count(address(0), 0, false, new bytes32[](0)), 0, "none given");
    }

    /// @notice Pages of any size, put together, are all that match, in order; none is longer than the bound.
    function testFuzz_leasesOf_pages(uint8 many, uint8 size) external {
        uint256 total = many % 41;
        uint256 step = bound(size, 1, 50);
        bytes32[] memory ids = new bytes32[](total + 1);
        // Ids may come twice; a real list does not, and the lens does not judge.
        bytes32 leaseId = opened(terms());
        for (uint256 i = 0; i < total; ++i) ids[i] = leaseId;
        ids[total] = keccak256("none");
        IDeCloudLens.LeaseFilter memory filter = IDeCloudLens.LeaseFilter(tenant, node, true);
        uint256 found;
        for (uint256 offset = 0; offset < total; offset += step > 32 ? 32 : step) {
            (IDeCloudLens.LeaseView[] memory page, uint256 matching) = lens.leasesOf(
                filter,
                ids,
                offset,
                step
            );
            assertEq(matching, total, "total");
            assertLe(page.length, lens.MAX_PAGE(), "bounded");
            found += page.length;
        }
        assertEq(found, total, "all of them");
        (IDeCloudLens.LeaseView[] memory beyond, ) = lens.leasesOf(filter, ids, total, step);
        assertEq(beyond.length, 0, "nothing after the last");
        (beyond, ) = lens.leasesOf(filter, ids, type(uint256).max, type(uint256).max);
        assertEq(beyond.length, 0, "nothing at the end of numbers");
    }

    function test_leasesOf_givesTheViewsThemselves() external {
        bytes32[] memory ids = _fiveLeases();
        (IDeCloudLens.LeaseView[] memory page, ) = lens.leasesOf(
            IDeCloudLens.LeaseFilter(tenant, 0, false),
            ids,
            1,
            2
        );
        assertEq(page.length, 2, "two");
        for (uint256 i = 0; i < 2; ++i) {
            assertTrue(
                keccak256(abi.encode(page[i])) == keccak256(abi.encode(lens.leaseView(ids[i + 1], 0))),
                "second and third of the tenant"
            );
        }
    }

    function test_leaseView_needsNobodyReplaceable() external {
        bytes32 leaseId = activated(_templated(terms()));
        forward(1 hours);
        bytes32 whole = keccak256(abi.encode(lens.leaseView(leaseId, 0)));
        bytes[4] memory fates = [REVERTS, BURNS, BABBLES, GONE];
        for (uint256 i = 0; i < fates.length; ++i) {
            vm.etch(address(registry), fates[i]);
            vm.etch(address(policy), fates[i]);
            vm.etch(address(templates), fates[i]);
            vm.etch(address(reviews), fates[i]);
            vm.etch(address(reputation), fates[i]);
            vm.etch(address(stake), fates[i]);
            assertTrue(keccak256(abi.encode(lens.leaseView(leaseId, 0))) == whole, "the same view");
        }
    }

    // ------------------------------------------------------------------------------------------------ prices

    /// @notice Accepted: the lease then opened is the one quoted. Refused: `open` reverts with the very bytes.
    function testFuzz_quoteOpen_isWhatOpenDoes(uint256 seed) external {
        _tryTerms(seed);
    }

    /// @notice The fuzz above is worth something: it is often accepted, often refused, for many reasons.
    function test_quoteOpen_fuzzMeetsBothAnswers() external {
        uint256 accepted;
        for (uint256 seed = 0; seed < 200; ++seed) if (_tryTerms(seed)) ++accepted;
        assertTrue(accepted > 30 && accepted < 170, "both");
    }

    function test_quoteOpen_inAPauseOrTwice() external {
        Terms memory asked = terms();
        uint256 price = lens.quoteOpen(asked).pricePerHour;
        bytes32 leaseId = opened(asked);
        _assertRefused(asked, abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, leaseId));
        vm.prank(GUARDIAN);
        desk.pause();
        bytes memory paused = abi.encodeWithSelector(Errors.Guard_Paused.selector, desk.pausedUntil());
        _assertRefused(asked, abi.encodeWithSelector(Errors.LeaseEscrow_AlreadyOpened.selector, leaseId));
        _assertRefused(_salted(1), paused);
        _assertRefused(_request(), paused);
        assertEq(lens.quoteOpen(_salted(1)).pricePerHour, price, "still priced");
        vm.warp(desk.pausedUntil());
        assertTrue(lens.quoteOpen(_salted(1)).accepted, "over");
    }

    function test_quoteOpen_ofARequestHasNoPrice() external {
        Terms memory asked = _templated(_request());
        IDeCloudLens.Quoted memory quoted = lens.quoteOpen(asked);
        assertTrue(quoted.accepted && quoted.refusal.length == 0, "accepted");
        assertEq(quoted.pricePerHour + quoted.minimumDeposit + quoted.runway, 0, "no price");
        assertEq(quoted.templateFee, FEE, "fee");
        assertTrue(opened(asked) == quoted.leaseId, "id");
        asked.maxTemplateFee = 0;
        _assertRefused(
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_TemplateFeeAboveMaximum.selector, 1, FEE, 0)
        );
    }

    function testFuzz_quote_theMinimumDepositIsTheLeastThatIsTaken(uint16 minCharge, bool named) external {
        minCharge = uint16(bound(minCharge, 0, 300));
        vm.prank(OPERATOR);
        registry.setTerms(node, minCharge, 0);
        Terms memory asked = named ? _templated(terms()) : terms();
        asked.deposit = named ? FEE : 0;
        IDeCloudLens.Quoted memory quoted = lens.quoteOpen(asked);
        assertTrue(!quoted.accepted, "nothing buys nothing");
        assertEq(quoted.pricePerHour, PRICE, "priced all the same");
        assertEq(quoted.minCharge, minCharge, "minimum charge");
        asked.deposit = uint64(quoted.minimumDeposit) - 1;
        assertTrue(!lens.quoteOpen(asked).accepted, "one less");
        _refused(asked);
        asked.deposit += 1;
        quoted = lens.quoteOpen(asked);
        assertTrue(quoted.accepted, "enough");
        assertEq(quoted.minimumDeposit, asked.deposit, "and known for the least");
        opened(asked);
    }

    function test_quote_onAnyNode() external {
        vm.prank(_operator(1));
        registry.setPrices(relay, Prices(20_000, 2500, 50, 50_000));
        uint32[] memory nodes = new uint32[](3);
        (nodes[0], nodes[1], nodes[2]) = (node, relay, 99);
        Terms memory asked = _request();
        IDeCloudLens.Quoted[] memory quoted = lens.quotes(asked, nodes);
        assertEq(quoted[0].pricePerHour, PRICE, "at default prices");
        // 16/12 × 20,000 + 4 × 2,500 + 40 × 50 = 38,666.6…, + 15,000.
        assertEq(quoted[1].pricePerHour, 53_667, "at its own");
        assertTrue(quoted[0].accepted && quoted[1].accepted && !quoted[2].accepted, "accepted");
        assertEq(quoted[2].pricePerHour, 0, "no node, no price");
        (uint256 price, uint16 minCharge, uint32 notice) = lens.priceOn(asked, 99);
        assertEq(price + minCharge + notice, 0, "nor terms");
        assertTrue(
            keccak256(quoted[2].refusal) ==
                keccak256(abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NodeNotActive.selector, 99)),
            "why"
        );
        assertEq(quoted[1].node, relay, "node");
        assertTrue(quoted[1].leaseId == escrow.leaseIdOf(asked), "id");
    }

    function test_quote_onNoNodeNamesNoLeastDeposit() external view {
        IDeCloudLens.Quoted memory quoted = lens.quote(_templated(_request()), 99);
        assertEq(quoted.templateFee, FEE, "the fee is known");
        assertEq(quoted.minimumDeposit, 0, "what the machine would take is not");
    }

    /// @notice A request that waits is quoted as it would be assigned, with the fee it was opened with.
    function test_quote_ofARequestThatWaits() external {
        Terms memory asked = _templated(_request());
        asked.region = "eu-west";
        bytes32 leaseId = opened(asked);
        vm.startPrank(AUTHOR);
        templates.publish(1, _draft(9_000_000));
        templates.setVersionArchived(1, 1, true);
        vm.stopPrank();
        IDeCloudLens.Quoted memory quoted = lens.quote(asked, node);
        assertTrue(quoted.accepted, "the fee is settled, whatever became of the template");
        assertEq(quoted.templateFee, FEE, "fee");
        vm.prank(SCHEDULER);
        escrow.assign(asked, node);
        _assertAsQuoted(leaseId, quoted);
    }

    function test_quote_refusesAsAssignDoes() external {
        Terms memory asked = _request();
        asked.region = "us-east";
        opened(asked);
        IDeCloudLens.Quoted memory quoted = lens.quote(asked, node);
        assertTrue(!quoted.accepted, "elsewhere");
        assertEq(quoted.pricePerHour, PRICE, "priced");
        vm.prank(SCHEDULER);
        vm.expectRevert(quoted.refusal);
        escrow.assign(asked, node);
    }

    function test_quote_pricesWhatHasNoRoom() external {
        Terms memory asked = terms();
        vm.prank(OPERATOR);
        registry.setCapacity(node, Capacity(1, 1, 1, 0));
        IDeCloudLens.Quoted memory quoted = lens.quoteOpen(asked);
        assertTrue(!quoted.accepted, "full");
        assertEq(quoted.pricePerHour, PRICE, "priced");
        assertEq(quoted.notice, 1 days, "notice");
        _assertRefused(asked, quoted.refusal);
    }

    function test_quote_whenARegistryFails() external {
        bytes[4] memory fates = [REVERTS, BABBLES, GONE, BURNS];
        for (uint256 i = 0; i < fates.length; ++i) {
            vm.etch(address(policy), fates[i]);
            IDeCloudLens.Quoted memory quoted = lens.quoteOpen(terms());
            assertTrue(!quoted.accepted && quoted.refusal.length == 0, "refused without a word");
            assertEq(quoted.pricePerHour + quoted.minimumDeposit, 0, "no price");
            (bool ok, ) = _open(terms(), 30_000_000);
            assertTrue(!ok, "and open refuses");
        }
        vm.etch(address(templates), REVERTS);
        assertTrue(!lens.quoteOpen(_templated(_request())).accepted, "no template");
    }

    function test_views_refuseToMistakeLittleGasForSilence() external view {
        try lens.nodeView{ gas: 1_500_000 }(node) returns (IDeCloudLens.NodeView memory) {
            assertTrue(false, "refused");
        } catch (bytes memory reason) {
            assertTrue(bytes4(reason) == IDeCloudLens.DeCloudLens_GasTooLow.selector, "why");
            uint256 needed;
            assembly ("memory-safe") {
                needed := mload(add(reason, 68))
            }
            assertEq(needed, 2_100_000, "what it takes");
        }
        lens.leaseView{ gas: 500_000 }(keccak256("none"), 0);
    }

    // ------------------------------------------------------------------------------------------------ the market

    function test_accountView_isWhatAnAccountCanPayWith() external {
        vm.startPrank(tenant);
        escrow.deposit(3_000_000);
        usdc.approve(address(escrow), 7);
        vm.stopPrank();
        IDeCloudLens.Account memory seen = lens.accountView(tenant);
        assertEq(seen.balance, 3_000_000, "balance");
        assertEq(seen.wallet, 997_000_000, "wallet");
        assertEq(seen.allowance, 7, "allowance");
    }

    function test_marketView_followsThePointers() external {
        IDeCloudLens.Market memory seen = lens.marketView();
        assertTrue(seen.registry == address(registry) && seen.policy == address(policy), "pointers");
        assertTrue(seen.templates == address(templates), "templates");
        assertTrue(seen.nextRegistry == address(0) && seen.nextTemplates == address(0), "none announced");
        assertEq(seen.pointersMoveAt + seen.templatesMoveAt + seen.pausedUntil, 0, "no dates");
        assertEq(seen.nodes, 2, "nodes");
        assertEq(seen.templateCount, 1, "templates");
        assertTrue(
            seen.isPriced && keccak256(abi.encode(seen.terms)) == keccak256(_parameters(policy)),
            "policy"
        );
        address movedTo = _announceAll();
        seen = lens.marketView();
        assertTrue(seen.registry == address(registry) && seen.nextRegistry == movedTo, "announced");
        assertTrue(seen.nextPolicy == address(policy) && seen.nextTemplates != address(0), "all of them");
        assertEq(seen.pointersMoveAt, vm.getBlockTimestamp() + 7 days, "when");
        assertEq(seen.templatesMoveAt, vm.getBlockTimestamp() + 7 days, "when, templates");
        forward(7 days);
        vm.startPrank(OWNER);
        desk.movePointers();
        desk.moveTemplates();
        vm.stopPrank();
        vm.prank(GUARDIAN);
        desk.pause();
        seen = lens.marketView();
        assertTrue(seen.registry == movedTo && seen.nextRegistry == address(0), "moved");
        assertEq(seen.nodes, 0, "the new one is empty");
        assertEq(seen.templateCount, 0, "so are its templates");
        assertEq(seen.pausedUntil, vm.getBlockTimestamp() + 7 days, "paused");
        assertTrue(lens.nodeView(node).listing.nodeId == 0, "nodes are read there too");
        assertEq(lens.templateView(1).head.versions, 0, "and templates");
    }

    function test_marketView_withoutTemplates() external {
        escrow = newEscrow(INodeRegistry(address(registry)));
        lens = DeCloudLens(deploy("DeCloudLens", abi.encode(escrow, reviews, reputation, stake)));
        IDeCloudLens.Market memory seen = lens.marketView();
        assertTrue(seen.templates == address(0) && seen.templateCount == 0, "none");
        assertTrue(!lens.templateView(1).answered, "nor any of them");
        (IDeCloudLens.TemplateView[] memory page, uint256 total) = lens.templateViews(0, 9);
        assertEq(page.length + total, 0, "no page");
    }

    function test_nodeView_isWhatEverybodySaysOfIt() external {
        _makePremium();
        vm.startPrank(OPERATOR);
        registry.setPrices(node, Prices(5000, 9000, 50, 50_000));
        registry.setRelayOffer(node, 7);
        registry.proposeOperator(node, OWNER);
        vm.stopPrank();
        bytes32 leaseId = activated(_salted(100));
        forward(2 hours);
        vm.prank(tenant);
        reviews.reviewNode(leaseId, 4, "good", "");
        settle(leaseId);
        IDeCloudLens.NodeView memory seen = lens.nodeView(node);
        _assertListing(seen);
        _assertBooks(seen);
        assertEq(seen.rating.sum, 4, "stars");
        assertEq(seen.rating.count, 1, "reviews");
        assertEq(seen.opinions, 1, "opinions");
        assertEq(seen.uptimeBps, 9901, "uptime");
        assertTrue(seen.isPremium, "premium");
        assertEq(seen.hosted, 11, "hosted");
        assertEq(seen.completed, 10, "completed");
        assertTrue(!lens.nodeView(relay).isPremium, "the other is not");
        IDeCloudLens.Answered memory all = seen.answered;
        assertTrue(
            all.registry && all.policy && all.reviews && all.reputation && all.stake,
            "everybody answered"
        );
    }

    /// @notice The free part is what the desk lets a lease take: all of it, and not one more.
    function testFuzz_nodeView_freeIsWhatALeaseCanTake(
        uint16 memoryUsed,
        uint32 memoryMiB,
        uint8 what
    ) external {
        Terms memory asked = _salted(1);
        asked.memoryMiB = uint32(bound(memoryUsed, 1, 30_000));
        asked.maxPricePerHour = type(uint64).max;
        opened(asked);
        vm.prank(OPERATOR);
        registry.setCapacity(node, Capacity(96, uint64(bound(memoryMiB, 1, 60_000)), 500, 1));
        Capacity memory free = lens.nodeView(node).free;
        asked = _salted(2);
        (asked.maxPricePerHour, asked.deposit) = (type(uint64).max, 100_000_000);
        (asked.tier, asked.vcpus, asked.memoryMiB, asked.diskGiB) = (3, 1, 1, 1);
        uint256 extra = what % 2;
        what = (what / 2) % 4;
        if (what == 0) asked.memoryMiB = uint32(free.memoryMiB + extra);
        if (what == 1) asked.diskGiB = uint32(free.diskGiB + extra);
        if (what == 2) asked.gpus = uint8(free.gpus + extra);
        // Three units each.
        if (what == 3) asked.vcpus = uint16(free.pointUnits / 3 + extra);
        if (asked.memoryMiB == 0) return;
        bool fits = extra == 0 && free.memoryMiB >= asked.memoryMiB;
        assertTrue(lens.quoteOpen(asked).accepted == fits, "as the desk says");
    }

    function test_nodeView_freeIsNeverNegativeNorWiderThanTheBooks() external {
        opened(terms());
        vm.startPrank(OPERATOR);
        registry.setCapacity(node, Capacity(1, 1, 1, 0));
        Capacity memory free = lens.nodeView(node).free;
        assertEq(
            free.pointUnits + free.memoryMiB + free.diskGiB + free.gpus,
            0,
            "oversold by a lower figure"
        );
        registry.setCapacity(node, Capacity(type(uint32).max, type(uint40).max, type(uint32).max, 65_535));
        free = lens.nodeView(node).free;
        assertEq(free.pointUnits, uint256(type(uint32).max) - 16, "compute");
        assertEq(free.memoryMiB, uint256(type(uint32).max) - 4096, "32 bits of books");
        assertEq(free.diskGiB, uint256(type(uint32).max) - 40, "disk");
        assertEq(free.gpus, 65_535, "gpus");
        vm.stopPrank();
    }

    /// @notice Another registry may know of larger nodes than the escrow can count.
    function test_nodeView_freeIsWhatTheBooksHoldOfABoundlessNode() external {
        vm.etch(address(registry), address(new BoundlessRegistry()).code);
        IDeCloudLens.NodeView memory seen = lens.nodeView(node);
        assertTrue(seen.answered.registry, "it answers");
        assertEq(seen.free.pointUnits, type(uint32).max, "compute");
        assertEq(seen.free.memoryMiB, type(uint32).max, "memory");
        assertEq(seen.free.diskGiB, type(uint32).max, "disk");
        assertEq(seen.free.gpus, type(uint16).max, "gpus");
    }

    function test_nodeView_pricesAreTheOnesLeasesGet() external {
        assertTrue(!lens.nodeView(node).listing.hasCustomPricing, "defaults");
        assertEq(lens.nodeView(node).prices.point, 10_000, "default");
        vm.prank(OPERATOR);
        registry.setPrices(node, Prices(5000, 2500, 50, 50_000));
        _setPolicy(Prices(6000, 2000, 50, 50_000), 0);
        Prices memory prices = lens.nodeView(node).prices;
        assertEq(prices.point, 6000, "lifted to the new floor");
        assertEq(prices.memoryGiB, 2500, "its own");
        assertTrue(lens.nodeView(node).listing.hasCustomPricing, "custom");
        assertEq(lens.nodeView(node).listing.offer.prices.point, 5000, "as it was set");
    }

    function test_nodeView_saysWhoIsSilent() external {
        bytes32 leaseId = activated(terms());
        forward(1 hours);
        settle(leaseId);
        bytes[4] memory fates = [REVERTS, BABBLES, GONE, BURNS];
        bytes memory code = address(registry).code;
        bytes memory rules = address(policy).code;
        for (uint256 i = 0; i < fates.length; ++i) {
            vm.etch(address(policy), fates[i]);
            IDeCloudLens.NodeView memory seen = lens.nodeView(node);
            assertTrue(seen.answered.registry && !seen.answered.policy, "no policy");
            assertTrue(seen.listing.offer.operator == OPERATOR && seen.prices.point == 0, "no prices");
            assertTrue(!lens.marketView().isPriced && lens.marketView().nodes == 2, "market");
            vm.etch(address(policy), rules);
            vm.etch(address(registry), fates[i]);
            seen = lens.nodeView(node);
            assertTrue(!seen.answered.registry && !seen.answered.policy, "no registry");
            assertTrue(seen.listing.offer.operator == address(0) && seen.free.memoryMiB == 0, "no offer");
            assertTrue(
                seen.operator == OPERATOR && seen.inUse.memoryMiB == 4096,
                "the escrow knows it still"
            );
            assertTrue(seen.answered.reviews && seen.answered.reputation, "others answer");
            assertEq(lens.marketView().nodes, 0, "none counted");
            (IDeCloudLens.NodeView[] memory page, uint256 total) = lens.nodeViews(0, 10);
            assertEq(page.length + total, 0, "no page");
            vm.etch(address(registry), code);
        }
        vm.etch(address(reviews), REVERTS);
        vm.etch(address(reputation), REVERTS);
        vm.etch(address(stake), REVERTS);
        IDeCloudLens.Answered memory answered = lens.nodeView(node).answered;
        assertTrue(answered.registry && answered.policy, "these do");
        assertTrue(!answered.reviews && !answered.reputation && !answered.stake, "these do not");
        assertTrue(lens.templateView(1).answered && !lens.templateView(1).isRated, "unrated");
    }

    function testFuzz_nodeViews_pages(uint8 offset, uint8 count) external {
        for (uint256 i = 2; i < 40; ++i) _newNode(i);
        (IDeCloudLens.NodeView[] memory page, uint256 total) = lens.nodeViews(offset, count);
        assertEq(total, 40, "total");
        uint256 length = offset < 40 ? 40 - uint256(offset) : 0;
        if (length > 32) length = 32;
        if (length > count) length = count;
        assertEq(page.length, length, "length");
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].node, uint256(offset) + i + 1, "in order");
            assertTrue(page[i].listing.nodeId == registry.nodeIdOf(page[i].node), "that node");
        }
    }

    /// @notice Public nodes give an `eth_call` 50 million gas and more. Here the slots are warm: cold ones, which sixteen
    /// nodes share, would cost this page 1.7 million more.
    function test_nodeViews_aFullPageWithNineAttestersIsAffordable() external {
        for (uint256 i = 2; i < 33; ++i) _newNode(i);
        uint256 today = vm.getBlockTimestamp() / 1 days;
        uint256[] memory words = new uint256[](3);
        (words[0], words[1], words[2]) = (_allLanes(), _allLanes(), _allLanes());
        for (uint256 i = 0; i < 9; ++i) {
            address attester = i == 0 ? OWNER : address(uint160(0xE00 + i));
            if (i != 0) {
                vm.prank(OWNER);
                reputation.setAttester(attester, true);
            }
            vm.startPrank(attester);
            for (uint256 day = today - 30; day < today; ++day) reputation.attest(uint32(day), 0, words);
            vm.stopPrank();
        }
        uint256 before = gasleft();
        (IDeCloudLens.NodeView[] memory page, ) = lens.nodeViews(0, 32);
        assertLe(before - gasleft(), 30_000_000, "gas of a page");
        assertEq(page.length, 32, "full");
        assertEq(page[31].opinions, 9, "opinions");
        assertEq(page[31].uptimeBps, 9998, "one beat missed a day");
    }

    function test_templateViews_haveTheLatestVersionAndTheRating() external {
        bytes32 leaseId = activated(_templated(terms()));
        forward(2 hours);
        vm.prank(tenant);
        reviews.reviewTemplate(leaseId, 5, "", "");
        vm.startPrank(AUTHOR);
        templates.publish(1, _draft(3_000_000));
        templates.create("minecraft", _draft(0));
        vm.stopPrank();
        (IDeCloudLens.TemplateView[] memory page, uint256 total) = lens.templateViews(0, 10);
        assertEq(total, 2, "total");
        assertEq(page.length, 2, "both");
        assertTrue(page[0].answered && page[0].isRated && page[0].template == 1, "answered");
        assertTrue(keccak256(bytes(page[0].head.slug)) == keccak256("redis"), "slug");
        assertEq(page[0].head.versions, 2, "versions");
        assertEq(page[0].latest.fee, 3_000_000, "latest");
        assertEq(page[0].rating.sum, 5, "stars");
        assertTrue(keccak256(bytes(page[1].head.slug)) == keccak256("minecraft"), "second");
        (page, total) = lens.templateViews(1, 10);
        assertTrue(page.length == 1 && page[0].template == 2, "from the second");
        (ITemplateRegistry.Version[] memory versions, uint256 many) = lens.versionViews(1, 0, 10);
        assertTrue(versions.length == 2 && many == 2, "versions of the first");
        assertTrue(versions[0].fee == FEE && versions[1].fee == 3_000_000, "in order");
        (versions, many) = lens.versionViews(1, 1, 10);
        assertTrue(versions.length == 1 && versions[0].fee == 3_000_000, "from the second on");
        (versions, many) = lens.versionViews(9, 0, 10);
        assertEq(versions.length + many, 0, "of none");
    }

    function test_templateViews_sayWhenTheirRegistryIsSilent() external {
        bytes[4] memory fates = [REVERTS, BABBLES, GONE, BURNS];
        for (uint256 i = 0; i < fates.length; ++i) {
            vm.etch(address(templates), fates[i]);
            assertTrue(!lens.templateView(1).answered && lens.templateView(1).isRated, "not answered");
            (IDeCloudLens.TemplateView[] memory page, uint256 total) = lens.templateViews(0, 10);
            assertEq(page.length + total, 0, "no page");
        }
        vm.expectRevert();
        lens.versionViews{ gas: 1_000_000 }(1, 0, 10);
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _stage(bool running) private pure returns (IDeCloudLens.Stage) {
        return running ? IDeCloudLens.Stage.Active : IDeCloudLens.Stage.Depleted;
    }

    function _operator(uint256 i) private pure returns (address) {
        return address(uint160(0xBB0000 + i));
    }

    function _agent(uint256 i) private pure returns (address) {
        return address(uint160(0xAA0000 + i));
    }

    function _newNode(uint256 i) private returns (uint32) {
        INodeRegistry.Registration memory r = registration();
        (r.machineId, r.agent) = (keccak256(abi.encode("machine", i)), _agent(i));
        vm.prank(_operator(i));
        return registry.register(r);
    }

    function _draft(uint64 fee) private pure returns (ITemplateRegistry.Draft memory) {
        return
            ITemplateRegistry.Draft({
                fee: fee,
                refundWindow: WINDOW,
                minimum: ITemplateRegistry.MinimumSpec(1, 0, 1024, 10),
                contentHash: keccak256("content"),
                content: "content",
                uri: ""
            });
    }

    function _templated(Terms memory asked) private pure returns (Terms memory) {
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, FEE);
        return asked;
    }

    function _request() private view returns (Terms memory asked) {
        asked = terms();
        asked.node = 0;
    }

    function _salted(uint256 salt) private view returns (Terms memory asked) {
        asked = terms();
        asked.salt = bytes32(salt);
    }

    /// @dev Active, requested, ended, on the other node, of another tenant; and one that does not exist in between.
    function _fiveLeases() private returns (bytes32[] memory ids) {
        ids = new bytes32[](6);
        ids[0] = activated(_salted(1));
        ids[1] = opened(_request());
        ids[2] = activated(_salted(2));
        vm.prank(tenant);
        escrow.close(ids[2], tenant);
        ids[3] = keccak256("none");
        Terms memory asked = _salted(3);
        asked.node = relay;
        ids[4] = opened(asked);
        fund(STRANGER, DEPOSIT);
        asked = _salted(4);
        asked.tenant = STRANGER;
        ids[5] = opened(asked);
    }

    function _count(
        address who,
        uint32 where,
        bool live,
        bytes32[] memory ids
    ) private view returns (uint256 total) {
        IDeCloudLens.LeaseView[] memory page;
        (page, total) = lens.leasesOf(IDeCloudLens.LeaseFilter(who, where, live), ids, 0, 32);
        assertEq(page.length, total, "all on one page");
        for (uint256 i = 0; i < page.length; ++i) {
            Lease memory lease = escrow.leaseOf(page[i].leaseId);
            assertTrue(who == address(0) || lease.tenant == who, "tenant");
            assertTrue(where == 0 || lease.node == where, "node");
            assertTrue(!live || lease.status != LeaseStatus.Ended, "live");
        }
    }

    function _open(Terms memory asked, uint256 gas_) private returns (bool ok, bytes memory reason) {
        vm.prank(asked.tenant);
        try escrow.open{ gas: gas_ }(asked, "") returns (bytes32) {
            ok = true;
        } catch (bytes memory why) {
            reason = why;
        }
    }

    function _refused(Terms memory asked) private returns (bytes memory reason) {
        bool ok;
        (ok, reason) = _open(asked, gasleft());
        assertTrue(!ok, "open refuses");
    }

    function _assertRefused(Terms memory asked, bytes memory reason) private {
        IDeCloudLens.Quoted memory quoted = lens.quoteOpen(asked);
        assertTrue(!quoted.accepted, "refused");
        assertTrue(keccak256(quoted.refusal) == keccak256(reason), "for this");
        assertTrue(keccak256(_refused(asked)) == keccak256(reason), "open reverts with it");
    }

    function _assertAsQuoted(bytes32 leaseId, IDeCloudLens.Quoted memory quoted) private {
        assertTrue(leaseId == quoted.leaseId, "id");
        Lease memory lease = escrow.leaseOf(leaseId);
        assertEq(lease.pricePerHour, quoted.pricePerHour, "price");
        assertEq(lease.activateBy, quoted.activateBy, "activate by");
        assertEq(lease.minCharge, quoted.minCharge, "minimum charge");
        assertEq(lease.notice, quoted.notice, "notice");
        assertEq(lease.relay, quoted.relay, "relay");
        assertEq(lease.platformBps, quoted.platformBps, "platform");
        assertEq(lease.relayBps, quoted.relayBps, "relay's share");
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
        assertEq(escrow.runsOutAt(leaseId) - vm.getBlockTimestamp(), quoted.runway, "runway");
    }

    /// @dev One market and one set of terms made of a seed, undone afterwards as far as the next seed is concerned.
    function _tryTerms(uint256 seed) private returns (bool accepted) {
        _shapeMarket(uint256(keccak256(abi.encode("market", seed))));
        Terms memory asked = _randomTerms(uint256(keccak256(abi.encode("terms", seed))));
        asked.salt = bytes32(seed);
        IDeCloudLens.Quoted memory quoted = lens.quoteOpen(asked);
        (bool ok, bytes memory reason) = _open(asked, gasleft());
        assertTrue(ok == quoted.accepted, "accepted");
        assertTrue(keccak256(reason) == keccak256(quoted.refusal), "the very bytes");
        (bool priced, uint256 price) = _priceOn(asked);
        assertEq(quoted.pricePerHour, priced ? price : 0, "one price, accepted or not");
        if (!ok) return false;
        assertEq(escrow.leaseOf(quoted.leaseId).deposited, asked.deposit - quoted.templateFee, "fee");
        _assertAsQuoted(quoted.leaseId, quoted);
        vm.prank(tenant);
        escrow.close(quoted.leaseId, tenant);
        return true;
    }

    function _priceOn(Terms memory asked) private view returns (bool, uint256) {
        try lens.priceOn(asked, asked.node) returns (uint256 price, uint16, uint32) {
            return (true, price);
        } catch {
            return (false, 0);
        }
    }

    function _shapeMarket(uint256 word) private {
        _setPolicy(Prices(5000, 2500, 50, 50_000), uint16(word % 1501));
        vm.startPrank(OPERATOR);
        registry.setTerms(node, uint16((word >> 16) % 301), uint32((word >> 32) % 2 days));
        registry.setActive(node, (word >> 64) % 16 != 0);
        registry.chooseRelay(node, (word >> 72) % 2 == 0 ? relay : 0);
        bool own = (word >> 80) % 2 == 0;
        registry.setPrices(
            node,
            own
                ? Prices(
                    uint64(5000 + ((word >> 96) % 40_000)),
                    uint64(2500 + ((word >> 112) % 20_000)),
                    uint64(50 + ((word >> 128) % 500)),
                    uint64(50_000 + ((word >> 144) % 500_000))
                )
                : Prices(0, 0, 0, 0)
        );
        vm.stopPrank();
    }

    function _randomTerms(uint256 word) private view returns (Terms memory asked) {
        asked = terms();
        if (word % 16 == 0) asked.node = 77;
        asked.vcpus = uint16((word >> 8) % 11);
        asked.tier = uint8((word >> 16) % 33 == 0 ? 4 : (word >> 16) % 4);
        asked.bandwidth = uint8((word >> 24) % 33 == 0 ? 4 : (word >> 24) % 4);
        asked.gpus = uint8((word >> 32) % 9 == 0 ? 2 : (word >> 32) % 2);
        asked.memoryMiB = uint32((word >> 40) % 35_000);
        asked.diskGiB = uint32((word >> 64) % 530);
        asked.maxPricePerHour = uint64(200_000 + ((word >> 80) % 2_000_000));
        asked.deposit = uint64((word >> 112) % 16 == 0 ? (word >> 116) % 20_000 : (word >> 116) % 90_000_000);
        asked.holdBack = uint32((word >> 144) % 90_000);
        asked.minNotice = (word >> 160) % 4 == 0 ? uint32((word >> 164) % 1 days) : 0;
        asked.activateWithin = (word >> 192) % 2 == 0 ? uint32((word >> 196) % 90_000) : 0;
        if ((word >> 224) % 3 == 0) {
            asked = _templated(asked);
            asked.maxTemplateFee = (word >> 226) % 8 == 0 ? FEE - 1 : FEE;
            if ((word >> 230) % 8 == 0) asked.templateVersion = 2;
        }
    }

    function _setPolicy(Prices memory floors, uint16 platformBps) private {
        (
            ,
            Prices memory defaults,
            uint8[4] memory units,
            uint16[4] memory multipliers,
            uint32[4] memory rates,

        ) = policy.parameters();
        vm.prank(OWNER);
        policy.setParameters(floors, defaults, units, multipliers, rates, platformBps);
    }

    function _parameters(IPricePolicy of_) private view returns (bytes memory) {
        (bool ok, bytes memory answer) = address(of_).staticcall(abi.encodeCall(IPricePolicy.parameters, ()));
        assertTrue(ok, "parameters");
        return answer;
    }

    function _announceAll() private returns (address movedTo) {
        movedTo = deploy("NodeRegistry", abi.encode(policy));
        vm.startPrank(OWNER);
        desk.announcePointers(NodeRegistry(movedTo), policy);
        desk.announceTemplates(ITemplateRegistry(deploy("TemplateRegistry", "")));
        vm.stopPrank();
    }

    /// @dev Ten leases to their end, a day at 99 %, a stake.
    function _makePremium() private {
        for (uint256 i = 0; i < 10; ++i) {
            bytes32 leaseId = activated(_salted(200 + i));
            vm.prank(tenant);
            escrow.close(leaseId, tenant);
        }
        uint256[] memory words = new uint256[](1);
        words[0] = uint256(58) << (16 * node);
        uint256 yesterday = vm.getBlockTimestamp() / 1 days - 1;
        vm.prank(OWNER);
        reputation.attest(uint32(yesterday), 0, words);
        vm.prank(OWNER);
        usdc.mint(OPERATOR, STAKE);
        vm.startPrank(OPERATOR);
        usdc.approve(address(stake), STAKE);
        stake.stake(node, STAKE, 0);
        vm.stopPrank();
    }

    function _assertListing(IDeCloudLens.NodeView memory seen) private view {
        IDeCloudLens.Listing memory listing = seen.listing;
        assertTrue(listing.nodeId == registry.nodeIdOf(node), "node id");
        assertTrue(
            keccak256(abi.encode(listing.offer)) == keccak256(abi.encode(registry.offer(node))),
            "offer"
        );
        assertTrue(listing.pendingOperator == OWNER, "pending");
        assertTrue(listing.sealingKey == keccak256("sealing key"), "sealing key");
        assertEq(listing.sealingKeyEpoch, 1, "epoch");
        assertTrue(listing.hasCustomPricing, "custom");
        assertEq(listing.relayCapacity, 7, "relay");
        assertEq(listing.relayed, 0, "relayed");
        assertEq(seen.prices.memoryGiB, 9000, "price");
    }

    function _assertBooks(IDeCloudLens.NodeView memory seen) private view {
        Capacity memory used = escrow.inUse(node);
        assertTrue(keccak256(abi.encode(seen.inUse)) == keccak256(abi.encode(used)), "in use");
        assertEq(seen.free.pointUnits, 96 - used.pointUnits, "units free");
        assertEq(seen.free.memoryMiB, 32_768 - used.memoryMiB, "memory free");
        assertEq(seen.free.diskGiB, 500 - used.diskGiB, "disk free");
        assertEq(seen.free.gpus, 1, "gpus free");
        assertTrue(seen.earned > 0 && seen.earned == escrow.earnedOf(node), "earned");
        assertTrue(seen.payee == OPERATOR && seen.operator == OPERATOR, "who");
    }

    /// @dev Each of sixteen nodes missed one beat.
    function _allLanes() private pure returns (uint256 word) {
        for (uint256 i = 0; i < 16; ++i) word |= uint256(2) << (16 * i);
    }
}
