// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { ILeaseTemplates } from "./interfaces/ILeaseTemplates.sol";
import { IReviews } from "./interfaces/IReviews.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";
import { Text } from "./libraries/Text.sol";
import { Lease } from "./types/DataTypes.sol";

/// @title Reviews
/// @notice See the documentation in {IReviews}.
contract Reviews is IReviews {
    uint256 public constant MAX_STARS = 5;
    uint256 public constant MAX_TITLE_BYTES = 100;
    uint256 public constant MAX_COMMENT_BYTES = 2000;

    /// @dev What a lease gave; 0 while it has not.
    struct Stars {
        uint8 node;
        uint8 template;
    }

    /// @notice Whose leases these are.
    ILeaseEscrow public immutable ESCROW;

    mapping(bytes32 leaseId => Stars) private _stars;
    mapping(uint32 node => Rating) private _nodeRatings;
    mapping(uint32 template => Rating) private _templateRatings;

    /// @param escrow Also answers as {ILeaseTemplates}.
    constructor(ILeaseEscrow escrow) {
        ESCROW = escrow;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IReviews
    function nodeRatingOf(uint32 node) external view override returns (Rating memory) {
        return _nodeRatings[node];
    }

    /// @inheritdoc IReviews
    function starsOf(bytes32 leaseId) external view override returns (uint8 nodeStars, uint8 templateStars) {
        Stars storage stars = _stars[leaseId];
        return (stars.node, stars.template);
    }

    /// @inheritdoc IReviews
    function templateRatingOf(uint32 template) external view override returns (Rating memory) {
        return _templateRatings[template];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IReviews
    function reviewNode(
        bytes32 leaseId,
        uint8 stars,
        string calldata title,
        string calldata comment
    ) external override {
        uint32 node = _requireReviewer(leaseId).node;
        _requireReview(stars, title, comment);
        if (_stars[leaseId].node != 0) revert SatelliteErrors.Reviews_NodeReviewed({ leaseId: leaseId });
        _stars[leaseId].node = stars;
        Rating memory rating = _add(_nodeRatings[node], stars);
        emit NodeReviewed({
            leaseId: leaseId,
            node: node,
            tenant: msg.sender,
            stars: stars,
            title: title,
            comment: comment,
            sum: rating.sum,
            count: rating.count
        });
    }

    /// @inheritdoc IReviews
    function reviewTemplate(
        bytes32 leaseId,
        uint8 stars,
        string calldata title,
        string calldata comment
    ) external override {
        _requireReviewer(leaseId);
        (uint32 template, uint32 version) = ILeaseTemplates(address(ESCROW)).templateOf(leaseId);
        if (template == 0) revert SatelliteErrors.Reviews_NoTemplate({ leaseId: leaseId });
        _requireReview(stars, title, comment);
        if (_stars[leaseId].template != 0)
            revert SatelliteErrors.Reviews_TemplateReviewed({ leaseId: leaseId });
        _stars[leaseId].template = stars;
        Rating memory rating = _add(_templateRatings[template], stars);
        emit TemplateReviewed({
            leaseId: leaseId,
            template: template,
            tenant: msg.sender,
            version: version,
            stars: stars,
            title: title,
            comment: comment,
            sum: rating.sum,
            count: rating.count
        });
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _add(Rating storage stored, uint8 stars) private returns (Rating memory rating) {
        rating = stored;
        rating.sum += stars;
        rating.count += 1;
        stored.sum = rating.sum;
        stored.count = rating.count;
    }

    function _requireReview(uint8 stars, string calldata title, string calldata comment) private pure {
        _requireWithin("stars", stars, 1, MAX_STARS);
        _requireWithin("title", bytes(title).length, 0, MAX_TITLE_BYTES);
        _requireWithin("comment", bytes(comment).length, 0, MAX_COMMENT_BYTES);
    }

    /// @dev Active and paid, as {IReviews} defines it. `settled` is asked first: a credit may take `due` below it.
    function _requireReviewer(bytes32 leaseId) private view returns (Lease memory lease) {
        lease = ESCROW.leaseOf(leaseId);
        if (msg.sender != lease.tenant) {
            revert SatelliteErrors.Reviews_NotTenant({
                leaseId: leaseId,
                tenant: lease.tenant,
                caller: msg.sender
            });
        }
        if (lease.startedAt == 0) revert SatelliteErrors.Reviews_NeverActive({ leaseId: leaseId });
        if (lease.settled == 0 && ESCROW.due(leaseId, block.timestamp) == 0) {
            revert SatelliteErrors.Reviews_NeverPaid({ leaseId: leaseId });
        }
    }

    function _requireWithin(bytes32 field, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert SatelliteErrors.Reviews_FieldOutOfRange({
                field: Text.decode(field),
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }
}
