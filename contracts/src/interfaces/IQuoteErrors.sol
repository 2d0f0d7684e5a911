// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IQuoteErrors
/// @notice Why a lease cannot be priced. An interface, so that the escrow's ABI carries what its quoter refuses.
interface IQuoteErrors {
    /// @notice The node is not registered, or takes no new leases.
    error LeaseEscrow_NodeNotActive(uint32 node);

    /// @notice The node asks more than the tenant's signed maximum.
    error LeaseEscrow_PriceAboveMaximum(bytes32 leaseId, uint256 pricePerHour, uint256 maxPricePerHour);

    /// @notice The price is zero or too large to be stored.
    error LeaseEscrow_PriceOutOfRange(uint256 pricePerHour, uint256 maximum);

    /// @notice A figure of the terms is outside its bounds.
    error LeaseEscrow_TermOutOfRange(string term, uint256 value, uint256 minimum, uint256 maximum);

    /// @notice The node gives less notice of a reclaim than the tenant asks for.
    error LeaseEscrow_NoticeTooShort(uint32 node, uint256 notice, uint256 minNotice);

    /// @notice The registry or the policy names a figure above the cap in this contract.
    error LeaseEscrow_AboveCap(string figure, uint256 value, uint256 cap);

    /// @notice The tenant asks for another region than the node's.
    error LeaseEscrow_RegionMismatch(uint32 node, bytes8 region, bytes8 wanted);

    /// @notice No such version of a template is on offer.
    error LeaseEscrow_TemplateNotActive(uint32 template, uint32 version);

    /// @notice The template costs more than the tenant's signed maximum.
    error LeaseEscrow_TemplateFeeAboveMaximum(uint32 template, uint256 fee, uint256 maxTemplateFee);

    /// @notice The template needs more of `resource` than the terms ask for.
    error LeaseEscrow_TemplateNeedsMore(uint32 template, string resource, uint256 asked, uint256 needed);

    /// @notice The node has less of `resource` free than the lease needs.
    error LeaseEscrow_NoCapacity(uint32 node, string resource, uint256 needed, uint256 free);
}
