// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";

/// @notice A registry that says whatever a test wants, relays included, or refuses to say anything.
contract StubRegistry {
    error Bricked();

    bool public bricked;
    mapping(uint32 node => INodeRegistry.Offer) private _offers;

    function setOffer(uint32 node, INodeRegistry.Offer calldata value) external {
        _offers[node] = value;
    }

    function setBricked(bool value) external {
        bricked = value;
    }

    function offer(uint32 node) external view returns (INodeRegistry.Offer memory) {
        if (bricked) revert Bricked();
        return _offers[node];
    }

    function agentOf(uint32 node) external view returns (address) {
        if (bricked) revert Bricked();
        return _offers[node].agent;
    }
}
