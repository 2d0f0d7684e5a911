// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { NaiveBalances } from "./NaiveBalances.sol";

/// @notice Payouts are pushed: within the tenant's exit, and to many operators in one transaction.
contract NaivePush is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function charge(address tenant, address operator, uint256 amount) external {
        _charge(tenant, operator, amount);
    }

    function payAll(address[] calldata operators) external {
        for (uint256 i = 0; i < operators.length; ++i) {
            _pay(operators[i]);
        }
    }

    function close(address operator) external {
        _pay(operator);
        uint256 refund = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, refund);
    }

    function _pay(address operator) private {
        uint256 amount = owed[operator];
        owed[operator] = 0;
        USDC.transfer(operator, amount);
    }
}

/// @notice The exit is announced first and carried out after a wait, in which the meter runs on.
contract NaiveWait is NaiveBalances {
    uint256 public constant WAIT = 1 days;
    mapping(address tenant => uint256) public closableFrom;

    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function announceClose() external {
        closableFrom[msg.sender] = block.timestamp + WAIT;
    }

    function close() external {
        uint256 from = closableFrom[msg.sender];
        require(from != 0 && block.timestamp >= from, "wait");
        uint256 amount = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, amount);
    }
}

/// @notice An order that no node took is deleted, and what was paid for it with it.
contract NaiveExpiry {
    struct Order {
        address tenant;
        uint256 paid;
        uint256 activateBy;
    }

    IERC20 public immutable USDC;
    mapping(uint256 id => Order) public orders;

    constructor(IERC20 usdc) {
        USDC = usdc;
    }

    function open(uint256 id, uint256 amount) external {
        orders[id] = Order(msg.sender, amount, block.timestamp + 15 minutes);
        USDC.transferFrom(msg.sender, address(this), amount);
    }

    function expire(uint256 id) external {
        require(block.timestamp > orders[id].activateBy, "early");
        delete orders[id];
    }

    function close(uint256 id) external {
        Order memory order = orders[id];
        require(msg.sender == order.tenant, "tenant only");
        delete orders[id];
        USDC.transfer(order.tenant, order.paid);
    }
}

/// @notice The exit asks the registry for the price.
contract NaiveRegistryExit is NaiveBalances {
    INodeRegistry public immutable REGISTRY;

    constructor(IERC20 usdc, INodeRegistry registry) NaiveBalances(usdc) {
        REGISTRY = registry;
    }

    function close(uint32 node) external {
        INodeRegistry.Offer memory offer = REGISTRY.offer(node);
        _charge(msg.sender, offer.operator, offer.prices.point);
        uint256 amount = balanceOf[msg.sender];
        balanceOf[msg.sender] = 0;
        USDC.transfer(msg.sender, amount);
    }
}

/// @notice A batch in which every item must be good.
contract NaiveBatch {
    mapping(bytes32 id => bool) public isLive;
    uint256 public settlements;

    function open(bytes32 id) external {
        isLive[id] = true;
    }

    function close(bytes32 id) external {
        isLive[id] = false;
    }

    function settle(bytes32[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; ++i) {
            require(isLive[ids[i]], "unknown");
            ++settlements;
        }
    }
}

/// @notice The money leaves before the books say so.
contract NaiveReentry is NaiveBalances {
    constructor(IERC20 usdc) NaiveBalances(usdc) {} // solhint-disable-line no-empty-blocks

    function withdraw() external {
        USDC.transfer(msg.sender, balanceOf[msg.sender]);
        balanceOf[msg.sender] = 0;
    }
}

/// @notice The provider's software may close a lease at once, and does so when its own network fails.
contract NaiveProvider {
    mapping(bytes32 id => address provider) public providerOf;

    function open(bytes32 id, address provider) external {
        providerOf[id] = provider;
    }

    function close(bytes32 id) external {
        require(msg.sender == providerOf[id], "provider only");
        delete providerOf[id];
    }
}

/// @notice Anyone may end a lease in the second in which its money is used up.
contract NaiveNoGrace {
    mapping(bytes32 id => uint256) public endsAt;

    function topUp(bytes32 id, uint256 duration) external {
        endsAt[id] = (endsAt[id] == 0 ? block.timestamp : endsAt[id]) + duration;
    }

    function end(bytes32 id) external {
        require(block.timestamp >= endsAt[id], "paid");
        delete endsAt[id];
    }
}
