// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IPayouts
/// @notice Payees who want to be paid without asking hand the role of a node's payee to this contract, which passes on what
/// the node has earned: all of it, at most once a week, by whoever calls, to the address the owner named. It has no owner
/// of its own, no fee, no other way out, and holds no money: what is earned stays in the escrow until it goes to the
/// recipient. The owner of a node keeps all a payee can do, at any time: withdraw, name the operator, leave.
interface IPayouts {
    /// @param owner Whom the earnings belong to: the payee that enrolled the node, or a successor.
    /// @param pushedAt When they were last pushed; 0 for never.
    /// @param recipient Where they go.
    /// @param pendingOwner Who was proposed as the next owner.
    struct Payout {
        address owner;
        uint40 pushedAt;
        address recipient;
        address pendingOwner;
    }

    /// @notice The node's earnings are pushed to `recipient` from here on.
    event Enrolled(uint32 indexed node, address indexed owner, address recipient);
    event RecipientChanged(uint32 indexed node, address recipient);
    event OwnerProposed(uint32 indexed node, address indexed owner, address proposed);
    event OwnerChanged(uint32 indexed node, address indexed owner);
    event Pushed(uint32 indexed node, address indexed recipient, uint256 amount);
    /// @notice The escrow or USDC refused: the recipient is on a list, USDC is paused, or the node has left. It stays earned.
    event PushFailed(uint32 indexed node, uint256 amount);

    /// @notice Takes the role of the node's payee over. By the present payee, who has proposed this contract in the escrow.
    /// What an earlier owner of an earlier enrolment may do ends here.
    function enroll(uint32 node, address recipient) external;

    /// @notice Pays all that each of these nodes has earned to its recipient. By anyone. Skips nodes that are not enrolled,
    /// were pushed less than seven days ago or have earned nothing, and those whose payment fails: one of them never stops
    /// the others. With too little gas for a payment all of it is undone.
    function push(uint32[] calldata nodes) external;

    /// @notice Pays one node. By this contract only: the call exists so that a payment that fails is undone on its own.
    function pay(uint32 node, uint256 amount) external;

    /// @notice Sends earnings to any address, at any time. By the owner.
    function withdraw(uint32 node, address to, uint256 amount) external;

    /// @notice By the owner.
    function setRecipient(uint32 node, address recipient) external;

    /// @notice Names who may reclaim and credit the node's leases, as a payee may in the escrow. By the owner.
    function setOperator(uint32 node, address operator) external;

    /// @notice Proposes another owner; the zero address withdraws a proposal. By the owner.
    function proposeOwner(uint32 node, address proposed) external;

    /// @notice Takes the earnings over, with the recipient as it is. By the proposed owner.
    function acceptOwner(uint32 node) external;

    /// @notice Proposes another payee in the escrow; the zero address withdraws that. Until it accepts, nothing changes. By
    /// the owner.
    function proposePayee(uint32 node, address newPayee) external;

    /// @notice Whether this contract is the node's payee.
    function isEnrolled(uint32 node) external view returns (bool);
    /// @notice The latest enrolment, also of a node that has left since.
    function payoutOf(uint32 node) external view returns (Payout memory);
}
