// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import { INodeRegistry } from "./interfaces/INodeRegistry.sol";
import { IPremiumStake } from "./interfaces/IPremiumStake.sol";
import { IReputation } from "./interfaces/IReputation.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";

/// @title PremiumStake
/// @notice See the documentation in {IPremiumStake}. Immutable, without an owner or any other role. The token must keep
/// balances as they are: one that rebases does not suit.
contract PremiumStake is IPremiumStake {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 public constant UNBONDING = 14 days;
    uint256 public constant MAX_LOCK = 4 * 365 days;
    uint256 public constant MIN_UPTIME_BPS = 9500;
    uint256 public constant MIN_COMPLETIONS = 10;

    /// @notice What is staked.
    IERC20 public immutable TOKEN;

    /// @notice Says who operates a node.
    INodeRegistry public immutable REGISTRY;

    /// @notice Says how a node has done.
    IReputation public immutable REPUTATION;

    /// @notice The least that makes a node premium, in units of the token.
    uint256 public immutable MINIMUM_STAKE;

    /// @inheritdoc IPremiumStake
    uint256 public override totalStaked;

    mapping(uint32 node => mapping(address staker => Stake)) private _stakes;

    constructor(IERC20 token, INodeRegistry registry, IReputation reputation, uint256 minimumStake) {
        if (minimumStake == 0) revert SatelliteErrors.PremiumStake_ZeroMinimum();
        TOKEN = token;
        REGISTRY = registry;
        REPUTATION = reputation;
        MINIMUM_STAKE = minimumStake;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IPremiumStake
    function isPremium(uint32 node) external view override returns (bool) {
        return _stakes[node][REGISTRY.offer(node).operator].bonded >= MINIMUM_STAKE;
    }

    /// @inheritdoc IPremiumStake
    function stakeOf(uint32 node, address staker) external view override returns (Stake memory) {
        return _stakes[node][staker];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IPremiumStake
    function lock(uint32 node, uint256 lockedUntil) external override {
        Stake memory held = _stakes[node][msg.sender];
        _requireBonded(node, held, 1);
        _lock(held, lockedUntil);
        _store(node, held);
    }

    /// @inheritdoc IPremiumStake
    function stake(uint32 node, uint256 amount, uint256 lockedUntil) external override {
        _requireAmount(amount);
        _requireEligible(node);
        Stake memory held = _stakes[node][msg.sender];
        uint256 bonded = held.bonded + amount;
        if (bonded < MINIMUM_STAKE) {
            revert SatelliteErrors.PremiumStake_StakeTooSmall({
                node: node,
                stake: bonded,
                minimum: MINIMUM_STAKE
            });
        }
        held.bonded = bonded.toUint96();
        if (lockedUntil != 0) _lock(held, lockedUntil);
        totalStaked += amount;
        _store(node, held);
        _pull(amount);
    }

    /// @inheritdoc IPremiumStake
    function startUnbonding(uint32 node, uint256 amount) external override {
        _requireAmount(amount);
        Stake memory held = _stakes[node][msg.sender];
        _requireBonded(node, held, amount);
        if (block.timestamp < held.lockedUntil) {
            revert SatelliteErrors.PremiumStake_Locked({ node: node, lockedUntil: held.lockedUntil });
        }
        // At most `bonded`, which has 96 bits itself.
        held.bonded -= uint96(amount);
        held.unbonding = (held.unbonding + amount).toUint96();
        held.releaseAt = (block.timestamp + UNBONDING).toUint32();
        _store(node, held);
    }

    /// @inheritdoc IPremiumStake
    function withdraw(uint32 node) external override {
        Stake memory held = _stakes[node][msg.sender];
        uint256 amount = held.unbonding;
        if (amount == 0) revert SatelliteErrors.PremiumStake_NothingUnbonding({ node: node });
        if (block.timestamp < held.releaseAt) {
            revert SatelliteErrors.PremiumStake_StillUnbonding({ node: node, from: held.releaseAt });
        }
        held.unbonding = 0;
        held.releaseAt = 0;
        totalStaked -= amount;
        _store(node, held);
        TOKEN.safeTransfer(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev A lock in the past would be none, one under the present lock would shorten it.
    function _lock(Stake memory held, uint256 lockedUntil) private view {
        uint256 earliest = block.timestamp > held.lockedUntil ? block.timestamp : held.lockedUntil;
        uint256 latest = block.timestamp + MAX_LOCK;
        if (lockedUntil < earliest || lockedUntil > latest) {
            revert SatelliteErrors.PremiumStake_BadLock({
                lockedUntil: lockedUntil,
                earliest: earliest,
                latest: latest
            });
        }
        held.lockedUntil = lockedUntil.toUint32();
    }

    /// @dev Last in its function. A token that delivers less than was sent would leave stakes without cover.
    function _pull(uint256 amount) private {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        if (received < amount) {
            revert SatelliteErrors.PremiumStake_ShortTransfer({ received: received, amount: amount });
        }
    }

    function _requireAmount(uint256 amount) private pure {
        if (amount == 0) revert SatelliteErrors.PremiumStake_ZeroAmount();
    }

    function _requireBonded(uint32 node, Stake memory held, uint256 amount) private pure {
        if (amount > held.bonded) {
            revert SatelliteErrors.PremiumStake_BondedTooLow({
                node: node,
                bonded: held.bonded,
                needed: amount
            });
        }
    }

    function _requireEligible(uint32 node) private view {
        address operator = REGISTRY.offer(node).operator;
        if (msg.sender != operator) {
            revert SatelliteErrors.PremiumStake_NotOperator({
                node: node,
                operator: operator,
                caller: msg.sender
            });
        }
        (uint256 uptimeBps, ) = REPUTATION.uptimeOf(node);
        if (uptimeBps < MIN_UPTIME_BPS) {
            revert SatelliteErrors.PremiumStake_UptimeTooLow({
                node: node,
                uptimeBps: uptimeBps,
                minimum: MIN_UPTIME_BPS
            });
        }
        (, uint32 completed) = REPUTATION.countersOf(node);
        if (completed < MIN_COMPLETIONS) {
            revert SatelliteErrors.PremiumStake_TooFewCompletions({
                node: node,
                completed: completed,
                minimum: MIN_COMPLETIONS
            });
        }
    }

    function _store(uint32 node, Stake memory held) private {
        _stakes[node][msg.sender] = held;
        emit StakeChanged({
            node: node,
            staker: msg.sender,
            bonded: held.bonded,
            unbonding: held.unbonding,
            lockedUntil: held.lockedUntil,
            releaseAt: held.releaseAt
        });
    }
}
