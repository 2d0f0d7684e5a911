// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import { IERC3009 } from "../../../contracts/src/interfaces/IERC3009.sol";
import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice The permit must work, or nothing does; anybody who sees it can use it up first.
contract NaivePermit is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        IERC20Permit(address(USDC)).permit(msg.sender, address(this), amount, deadline, v, r, s);
        USDC.transferFrom(msg.sender, address(this), amount);
        balanceOf[msg.sender] += amount;
    }
}

/// @notice The signature covers what is to be done, and not where, on which chain or how often.
contract NaiveSignature is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function withdrawBySig(address to, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        address signer = ecrecover(keccak256(abi.encode(to, amount)), v, r, s);
        balanceOf[signer] -= amount;
        USDC.transfer(to, amount);
    }
}

/// @notice The tenant's authorization says how much and to whom, and whoever submits it says for which node.
contract NaiveAuthorization {
    IERC20 public immutable USDC;
    mapping(bytes32 nonce => uint32) public nodeOf;

    constructor(IERC20 usdc) {
        USDC = usdc;
    }

    function open(
        address tenant,
        uint32 node,
        uint256 amount,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        nodeOf[nonce] = node;
        IERC3009(address(USDC)).receiveWithAuthorization(
            tenant,
            address(this),
            amount,
            0,
            type(uint256).max,
            nonce,
            signature
        );
    }
}

/// @notice Leases are numbered as they come, and people act on the number they expect.
contract NaiveIds is NaiveBalances {
    uint256 public count;
    mapping(uint256 id => address) public tenantOf;
    mapping(uint256 id => uint256) public paidIn;

    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function open() external returns (uint256 id) {
        id = ++count;
        tenantOf[id] = msg.sender;
    }

    function topUp(uint256 id, uint256 amount) external {
        USDC.transferFrom(msg.sender, address(this), amount);
        paidIn[id] += amount;
    }

    function close(uint256 id) external {
        require(msg.sender == tenantOf[id], "tenant only");
        uint256 amount = paidIn[id];
        paidIn[id] = 0;
        USDC.transfer(msg.sender, amount);
    }
}

/// @notice What the machine is to run comes in a step of its own, from anybody, and nothing in the lease says what it was.
contract NaiveManifest {
    mapping(uint256 id => bytes) public manifestOf;

    function post(uint256 id, bytes calldata manifest) external {
        manifestOf[id] = manifest;
    }
}
