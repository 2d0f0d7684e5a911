// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IReviews } from "../../../contracts/src/interfaces/IReviews.sol";
import { Reviews } from "../../../contracts/src/Reviews.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";
import { ReviewHandler } from "./ReviewHandler.sol";

/// @notice Invariant 17, after every call of a world of reviewers.
contract ReviewsInvariants is Fixture {
    Reviews internal reviews;
    ReviewHandler internal handler;

    function setUp() public override {
        super.setUp();
        INodeRegistry.Registration memory second = registration();
        (second.machineId, second.agent) = (keccak256("second"), address(0xB22));
        vm.prank(OPERATOR);
        registry.register(second);
        EscrowDouble double = new EscrowDouble(escrow);
        reviews = Reviews(deploy("Reviews", abi.encode(ILeaseEscrow(address(double)))));
        handler = new ReviewHandler(escrow, double, reviews, [AGENT, second.agent], terms());
        for (uint256 i = 0; i < handler.TENANTS(); ++i) fund(handler.tenantAt(i), 1_000_000_000);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice Every review was its tenant's, of a lease active and paid; every such review was taken.
    function invariant_17_reviewOnlyByTheTenantOfAnActivePaidLease() external view {
        assertEq(handler.broken(), 0, "broken");
        for (uint256 i = 0; i < handler.count(); ++i) {
            ReviewHandler.Track memory t = handler.track(i);
            if (t.nodeReviews + t.templateReviews == 0) continue;
            assertTrue(escrow.leaseOf(t.id).startedAt != 0, "active");
            assertTrue(escrow.due(t.id, vm.getBlockTimestamp()) != 0, "paid");
        }
    }

    /// @notice One of each at most, and the ratings are the sums over the leases and nothing else.
    function invariant_17_atMostOneReviewEachAndRatingsAddUp() external view {
        uint256[3] memory nodeSums;
        uint256[3] memory nodeCounts;
        uint256[3] memory templateSums;
        uint256[3] memory templateCounts;
        for (uint256 i = 0; i < handler.count(); ++i) {
            ReviewHandler.Track memory t = handler.track(i);
            assertLe(t.nodeReviews, 1, "reviews of the node");
            assertLe(t.templateReviews, 1, "reviews of the template");
            (uint8 nodeStars, uint8 templateStars) = reviews.starsOf(t.id);
            assertTrue((nodeStars != 0) == (t.nodeReviews == 1), "stars of the node");
            assertTrue((templateStars != 0) == (t.templateReviews == 1), "stars of the template");
            nodeSums[t.node] += nodeStars;
            nodeCounts[t.node] += t.nodeReviews;
            templateSums[t.template] += templateStars;
            templateCounts[t.template] += t.templateReviews;
        }
        for (uint32 i = 0; i < 3; ++i) {
            _assertRating(reviews.nodeRatingOf(i), nodeSums[i], nodeCounts[i]);
            _assertRating(reviews.nodeRatingOf(i), handler.nodeSum(i), handler.nodeCount(i));
            _assertRating(reviews.templateRatingOf(i), templateSums[i], templateCounts[i]);
            _assertRating(reviews.templateRatingOf(i), handler.templateSum(i), handler.templateCount(i));
        }
    }

    function _assertRating(IReviews.Rating memory rating, uint256 sum, uint256 count) private pure {
        assertEq(rating.sum, sum, "sum");
        assertEq(rating.count, count, "count");
        assertLe(rating.sum, rating.count * 5, "five stars each");
        assertLe(rating.count, rating.sum, "one star each");
    }
}
