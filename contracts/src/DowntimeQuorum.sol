// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

import { IDowntimeQuorum } from "./interfaces/IDowntimeQuorum.sol";
import { ILeaseEscrow } from "./interfaces/ILeaseEscrow.sol";
import { ILeaseLife } from "./interfaces/ILeaseLife.sol";
import { Errors } from "./libraries/Errors.sol";
import { Lease } from "./types/DataTypes.sol";

/// @title DowntimeQuorum
/// @notice See the documentation in {IDowntimeQuorum}. Created by the escrow, which knows no other: the least numbers
/// below are as immutable as the escrow.
contract DowntimeQuorum is IDowntimeQuorum, Ownable2Step {
    uint256 public constant MIN_ATTESTERS = 3;
    uint256 public constant MIN_QUORUM = 2;

    /// @dev One slot.
    struct Ballot {
        uint40 openedAt;
        uint32 votes;
    }

    /// @notice Whose leases these are.
    ILeaseEscrow public immutable ESCROW;

    /// @inheritdoc IDowntimeQuorum
    uint256 public override quorum;

    address[] private _attesters;
    /// @dev Part of every ballot's key: a new list starts with a clean table.
    uint256 private _list;

    mapping(uint256 list => mapping(address account => bool)) private _isAttester;
    mapping(bytes32 key => Ballot) private _ballots;
    mapping(bytes32 key => mapping(address attester => uint40 openedAt)) private _voted;

    /// @param escrow Answers as {ILeaseEscrow} and {ILeaseLife}.
    constructor(ILeaseEscrow escrow, address owner) Ownable(owner) {
        ESCROW = escrow;
    }

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc IDowntimeQuorum
    function attesters() external view override returns (address[] memory) {
        return _attesters;
    }

    /// @inheritdoc IDowntimeQuorum
    function isAttester(address account) public view override returns (bool) {
        return _isAttester[_list][account];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc IDowntimeQuorum
    function setAttesters(address[] calldata newAttesters, uint256 newQuorum) external override onlyOwner {
        uint256 list = ++_list;
        bool good = newAttesters.length >= MIN_ATTESTERS && newQuorum >= MIN_QUORUM;
        good = good && newQuorum <= newAttesters.length;
        for (uint256 i = 0; good && i < newAttesters.length; ++i) {
            good = newAttesters[i] != address(0) && !_isAttester[list][newAttesters[i]];
            _isAttester[list][newAttesters[i]] = true;
        }
        if (!good) {
            revert Errors.DowntimeQuorum_BadList({
                attesters: newAttesters.length,
                quorum: newQuorum,
                minAttesters: MIN_ATTESTERS,
                minQuorum: MIN_QUORUM
            });
        }
        _attesters = newAttesters;
        quorum = newQuorum;
        emit AttestersChanged({ attesters: newAttesters, quorum: newQuorum });
    }

    /// @inheritdoc IDowntimeQuorum
    function vote(bytes32 leaseId, uint32 duration) external override {
        if (!isAttester(msg.sender)) revert Errors.DowntimeQuorum_NotAttester({ caller: msg.sender });
        Lease memory lease = ESCROW.leaseOf(leaseId);
        bytes32 key = keccak256(
            abi.encode(_list, leaseId, duration, lease.startedAt, lease.credited, lease.paidBefore)
        );
        Ballot memory ballot = _ballots[key];
        if (ballot.openedAt == 0 || block.timestamp > uint256(ballot.openedAt) + lease.holdBack) {
            ballot = Ballot({ openedAt: uint40(block.timestamp), votes: 0 });
        }
        if (_voted[key][msg.sender] == ballot.openedAt) {
            revert Errors.DowntimeQuorum_VotedAlready({ leaseId: leaseId, attester: msg.sender });
        }
        _voted[key][msg.sender] = ballot.openedAt;
        ++ballot.votes;
        _ballots[key] = ballot;
        uint256 needed = quorum;
        emit CreditVoted({
            leaseId: leaseId,
            attester: msg.sender,
            duration: duration,
            votes: ballot.votes,
            quorum: needed
        });
        if (ballot.votes == needed) {
            ILeaseLife(address(ESCROW)).credit({ leaseId: leaseId, duration: duration });
        }
    }
}
