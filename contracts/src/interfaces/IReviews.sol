// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IReviews
/// @notice What tenants say of nodes and templates: at most one review of each per lease, for good. Only by the tenant
/// of a lease that was active and paid, at the moment of the review: it was activated, and something has been settled to
/// its node or is due to it. Time that was credited back in full does not count. Holds no funds and is replaceable.
interface IReviews {
    /// @notice All stars ever given and how often: the mean is `sum / count`.
    struct Rating {
        uint64 sum;
        uint64 count;
    }

    /// @notice `sum` and `count` are those of the node after this review.
    event NodeReviewed(
        bytes32 indexed leaseId,
        uint32 indexed node,
        address indexed tenant,
        uint8 stars,
        string title,
        string comment,
        uint64 sum,
        uint64 count
    );

    /// @notice `sum` and `count` are those of the template, over all its versions, after this review.
    event TemplateReviewed(
        bytes32 indexed leaseId,
        uint32 indexed template,
        address indexed tenant,
        uint32 version,
        uint8 stars,
        string title,
        string comment,
        uint64 sum,
        uint64 count
    );

    /// @notice Reviews the node of a lease. By its tenant, once.
    /// @param stars 1 to 5.
    /// @param title At most 100 bytes.
    /// @param comment At most 2000 bytes.
    function reviewNode(
        bytes32 leaseId,
        uint8 stars,
        string calldata title,
        string calldata comment
    ) external;

    /// @notice Reviews the template of a lease. By its tenant, once.
    function reviewTemplate(
        bytes32 leaseId,
        uint8 stars,
        string calldata title,
        string calldata comment
    ) external;

    function nodeRatingOf(uint32 node) external view returns (Rating memory);
    function templateRatingOf(uint32 template) external view returns (Rating memory);
    /// @notice The stars this lease gave, 0 where it has not.
    function starsOf(bytes32 leaseId) external view returns (uint8 nodeStars, uint8 templateStars);
}
