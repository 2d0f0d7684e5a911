// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "./INodeRegistry.sol";
import { IPricePolicy } from "./IPricePolicy.sol";
import { ITemplateRegistry } from "./ITemplateRegistry.sol";

/// @title IPointers
/// @notice Which registry and which policy the escrow reads when it opens or activates a lease. A move is announced
/// seven days ahead and touches nothing that was priced before it.
interface IPointers {
    event PointersAnnounced(INodeRegistry registry, IPricePolicy policy, uint40 moveAt);
    event PointersMoved(INodeRegistry registry, IPricePolicy policy);
    event TemplatesAnnounced(ITemplateRegistry templates, uint40 moveAt);
    event TemplatesMoved(ITemplateRegistry templates);

    /// @notice Announces a move; a second announcement replaces the first and starts the delay again. By the owner.
    function announcePointers(INodeRegistry newRegistry, IPricePolicy newPolicy) external;

    /// @notice Carries out the announced move, once its time has come. By the owner.
    function movePointers() external;

    /// @notice Announces another template registry. The first one is taken at once: before it no lease could name a
    /// template. By the owner.
    function announceTemplates(ITemplateRegistry newTemplates) external;

    /// @notice Carries that move out, once its time has come. By the owner.
    function moveTemplates() external;

    /// @notice Seconds between an announcement and the earliest move.
    function POINTER_DELAY() external view returns (uint256);

    function registry() external view returns (INodeRegistry);
    function policy() external view returns (IPricePolicy);
    function nextRegistry() external view returns (INodeRegistry);
    function nextPolicy() external view returns (IPricePolicy);

    /// @notice When the announced pointers may move; 0 when nothing is announced.
    function pointersMoveAt() external view returns (uint40);

    /// @notice Where templates are read from; zero while leases cannot name any.
    function templates() external view returns (ITemplateRegistry);
    function nextTemplates() external view returns (ITemplateRegistry);
    function templatesMoveAt() external view returns (uint40);
}
