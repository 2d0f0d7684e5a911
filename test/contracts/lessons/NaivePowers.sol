// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice One key of the platform's server moves anybody's money anywhere.
contract NaiveServerKey is NaiveBalances {
    address public immutable SERVER;

    constructor(IERC20 usdc, address server) NaiveBalances(usdc) {
        SERVER = server;
    }

    function debit(address from, address to, uint256 amount) external {
        require(msg.sender == SERVER, "server only");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Deposits are plain transfers, and a watcher that may see one twice writes them into the books.
contract NaiveWatcher is NaiveBalances {
    address public immutable WATCHER;

    constructor(IERC20 usdc, address watcher) NaiveBalances(usdc) {
        WATCHER = watcher;
    }

    function credit(address account, uint256 amount) external {
        require(msg.sender == WATCHER, "watcher only");
        balanceOf[account] += amount;
    }
}

/// @notice Anyone may renew any lease from its tenant's balance, as often as it takes.
contract NaiveRenewal is NaiveBalances {
    uint256 public immutable AMOUNT;

    constructor(IERC20 usdc, uint256 amount) NaiveBalances(usdc) {
        AMOUNT = amount;
    }

    function renew(address tenant, address operator) external {
        _charge(tenant, operator, AMOUNT);
    }
}

/// @notice Each of the attesters alone gives back whatever it says, out of all that the operator ever earned.
contract NaiveAttesters is NaiveBalances {
    mapping(address account => bool) public isAttester;

    constructor(IERC20 usdc, address attester) NaiveBalances(usdc) {
        isAttester[attester] = true;
    }

    function charge(address tenant, address operator, uint256 amount) external {
        _charge(tenant, operator, amount);
    }

    function credit(address tenant, address operator, uint256 amount) external {
        require(isAttester[msg.sender], "attesters only");
        owed[operator] -= amount;
        balanceOf[tenant] += amount;
    }
}

/// @notice Whatever cut the registry names is taken.
contract NaiveRegistryCut is NaiveBalances {
    INodeRegistry public immutable REGISTRY;

    constructor(IERC20 usdc, INodeRegistry registry) NaiveBalances(usdc) {
        REGISTRY = registry;
    }

    function settle(address tenant, uint32 node, address relay, uint256 amount) external {
        INodeRegistry.Offer memory offer = REGISTRY.offer(node);
        uint256 cut = (amount * offer.relayBps) / 10_000;
        _charge(tenant, relay, cut);
        _charge(tenant, offer.operator, amount - cut);
    }
}

/// @notice Whoever comes first for a number, by the registry's word, is its payee; the platform has one, too.
contract NaiveNodeZero {
    mapping(uint32 node => address) public payeeOf;
    mapping(uint32 node => bool) public isKnown;

    constructor(address platform) {
        payeeOf[0] = platform;
    }

    function assign(uint32 node, address operator) external {
        if (isKnown[node]) return;
        (isKnown[node], payeeOf[node]) = (true, operator);
    }
}
