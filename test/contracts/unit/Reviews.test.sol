// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { IReviews } from "../../../contracts/src/interfaces/IReviews.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { Reviews } from "../../../contracts/src/Reviews.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice Reviews of leases of the real escrow, as listed in Reviews.tree.
contract ReviewsTest is Fixture {
    uint32 internal constant TEMPLATE = 7;
    uint32 internal constant VERSION = 3;

    EscrowDouble internal double;
    Reviews internal reviews;
    bytes32 internal lease;

    function setUp() public override {
        super.setUp();
        double = new EscrowDouble(escrow);
        reviews = Reviews(deploy("Reviews", abi.encode(ILeaseEscrow(address(double)))));
        lease = activated(terms());
        double.setTemplate(lease, TEMPLATE, VERSION);
    }

    function test_reviewNode_addsAndCarriesTheText() external {
        forward(1 hours);
        vm.prank(tenant);
        vmEvents.expectEmit(address(reviews));
        emit IReviews.NodeReviewed(lease, node, tenant, 4, "Good", "Fast disk.", 4, 1);
        reviews.reviewNode(lease, 4, "Good", "Fast disk.");
        _assertNodeRating(4, 1);
        _assertTemplateRating(TEMPLATE, 0, 0);
        _assertStars(4, 0);
    }

    function test_reviewTemplate_addsAndCarriesTheText() external {
        forward(1 hours);
        vm.prank(tenant);
        vmEvents.expectEmit(address(reviews));
        emit IReviews.TemplateReviewed(lease, TEMPLATE, tenant, VERSION, 2, "Meh", "", 2, 1);
        reviews.reviewTemplate(lease, 2, "Meh", "");
        _assertTemplateRating(TEMPLATE, 2, 1);
        _assertTemplateRating(TEMPLATE + 1, 0, 0);
        _assertNodeRating(0, 0);
        _assertStars(0, 2);
    }

    function test_review_canFollowTheEnd() external {
        forward(1 hours);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        forward(365 days);
        _review(5);
        _assertNodeRating(5, 1);
        _assertTemplateRating(TEMPLATE, 5, 1);
    }

    function test_review_isAcceptedAfterTheMinimumChargeAlone() external {
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _review(1);
        _assertNodeRating(1, 1);
    }

    function test_review_refusesALeaseNobodyPaidFor() external {
        bytes memory reason = abi.encodeWithSelector(SatelliteErrors.Reviews_NeverPaid.selector, lease);
        _refuse(tenant, reason);
        forward(1);
        _review(3);
        _assertNodeRating(3, 1);
    }

    function test_review_refusesALeaseNeverActive() external {
        bytes32 active = lease;
        lease = opened(_salted("unactivated"));
        bytes memory reason = abi.encodeWithSelector(SatelliteErrors.Reviews_NeverActive.selector, lease);
        _refuse(tenant, reason);
        vm.prank(tenant);
        escrow.close(lease, tenant);
        _refuse(tenant, reason);
        lease = opened(_salted("expired"));
        forward(1 days);
        escrow.expire(lease);
        _refuse(tenant, abi.encodeWithSelector(SatelliteErrors.Reviews_NeverActive.selector, lease));
        lease = active;
        _review(3);
    }

    function test_review_countsWhatSettledAndNotWhatWasCreditedBack() external {
        forward(10 minutes);
        double.setCreditedBack(lease, true);
        _refuse(tenant, abi.encodeWithSelector(SatelliteErrors.Reviews_NeverPaid.selector, lease));
        forward(2 hours);
        settle(lease);
        _review(3);
        _assertNodeRating(3, 1);
    }

    function test_review_isTheTenantsAlone() external {
        forward(1 hours);
        address[4] memory others = [OPERATOR, AGENT, STRANGER, address(0)];
        for (uint256 i = 0; i < others.length; ++i) {
            _refuse(
                others[i],
                abi.encodeWithSelector(SatelliteErrors.Reviews_NotTenant.selector, lease, tenant, others[i])
            );
        }
        lease = keccak256("unknown");
        _refuse(
            tenant,
            abi.encodeWithSelector(SatelliteErrors.Reviews_NotTenant.selector, lease, address(0), tenant)
        );
    }

    /// @notice Nobody owns an unknown lease, not even the zero address: it was never active.
    function test_review_refusesAnUnknownLeaseToNobody() external {
        lease = keccak256("unknown");
        _refuse(address(0), abi.encodeWithSelector(SatelliteErrors.Reviews_NeverActive.selector, lease));
    }

    function test_review_refusesASecondOne() external {
        forward(1 hours);
        _review(5);
        vm.startPrank(tenant);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reviews_NodeReviewed.selector, lease));
        reviews.reviewNode(lease, 1, "", "");
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reviews_TemplateReviewed.selector, lease));
        reviews.reviewTemplate(lease, 1, "", "");
        vm.stopPrank();
        _assertStars(5, 5);
        _assertNodeRating(5, 1);
        _assertTemplateRating(TEMPLATE, 5, 1);
    }

    function test_reviewTemplate_refusesALeaseWithoutOne() external {
        forward(1 hours);
        double.setTemplate(lease, 0, 0);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.Reviews_NoTemplate.selector, lease));
        reviews.reviewTemplate(lease, 5, "", "");
    }

    function test_review_refusesFieldsOutOfRange() external {
        forward(1 hours);
        _refuseText(0, 0, 0, _field("stars", 0, 1, 5));
        _refuseText(6, 0, 0, _field("stars", 6, 1, 5));
        _refuseText(5, 101, 0, _field("title", 101, 0, 100));
        _refuseText(5, 0, 2001, _field("comment", 2001, 0, 2000));
        vm.startPrank(tenant);
        reviews.reviewNode(lease, 5, string(new bytes(100)), string(new bytes(2000)));
        reviews.reviewTemplate(lease, 5, string(new bytes(100)), string(new bytes(2000)));
        vm.stopPrank();
        _assertStars(5, 5);
    }

    function testFuzz_ratings_areTheSumsOfTheirReviews(uint8[5] calldata stars, bool sameTemplate) external {
        uint256 sum;
        uint256 oddSum;
        for (uint256 i = 0; i < stars.length; ++i) {
            uint8 given = uint8(bound(stars[i], 1, 5));
            lease = activated(_salted(bytes32(i + 1)));
            double.setTemplate(lease, sameTemplate || i % 2 == 0 ? TEMPLATE : TEMPLATE + 1, VERSION);
            forward(60);
            _review(given);
            _assertStars(given, given);
            sum += given;
            if (i % 2 == 1) oddSum += given;
        }
        _assertNodeRating(sum, stars.length);
        _assertTemplateRating(TEMPLATE, sameTemplate ? sum : sum - oddSum, sameTemplate ? 5 : 3);
        _assertTemplateRating(TEMPLATE + 1, sameTemplate ? 0 : oddSum, sameTemplate ? 0 : 2);
        assertEq(reviews.nodeRatingOf(node + 1).count, 0, "another node");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _assertNodeRating(uint256 sum, uint256 count) private view {
        IReviews.Rating memory rating = reviews.nodeRatingOf(node);
        assertEq(rating.sum, sum, "sum of the node");
        assertEq(rating.count, count, "count of the node");
    }

    function _assertTemplateRating(uint32 template, uint256 sum, uint256 count) private view {
        IReviews.Rating memory rating = reviews.templateRatingOf(template);
        assertEq(rating.sum, sum, "sum of the template");
        assertEq(rating.count, count, "count of the template");
    }

    function _assertStars(uint256 ofNode, uint256 ofTemplate) private view {
        (uint8 nodeStars, uint8 templateStars) = reviews.starsOf(lease);
        assertEq(nodeStars, ofNode, "stars of the node");
        assertEq(templateStars, ofTemplate, "stars of the template");
    }

    function _refuse(address caller, bytes memory reason) private {
        vm.startPrank(caller);
        vm.expectRevert(reason);
        reviews.reviewNode(lease, 5, "", "");
        vm.expectRevert(reason);
        reviews.reviewTemplate(lease, 5, "", "");
        vm.stopPrank();
    }

    function _refuseText(uint8 stars, uint256 titleBytes, uint256 commentBytes, bytes memory reason) private {
        string memory title = string(new bytes(titleBytes));
        string memory comment = string(new bytes(commentBytes));
        vm.startPrank(tenant);
        vm.expectRevert(reason);
        reviews.reviewNode(lease, stars, title, comment);
        vm.expectRevert(reason);
        reviews.reviewTemplate(lease, stars, title, comment);
        vm.stopPrank();
    }

    function _review(uint8 stars) private {
        vm.startPrank(tenant);
        reviews.reviewNode(lease, stars, "Title", "Comment.");
        reviews.reviewTemplate(lease, stars, "Title", "Comment.");
        vm.stopPrank();
    }

    function _salted(bytes32 salt) private view returns (Terms memory asked) {
        asked = terms();
        asked.salt = salt;
    }

    function _field(
        string memory field,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                SatelliteErrors.Reviews_FieldOutOfRange.selector,
                field,
                value,
                minimum,
                maximum
            );
    }
}
