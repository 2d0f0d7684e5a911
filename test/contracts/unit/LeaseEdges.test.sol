// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { DowntimeQuorum } from "../../../contracts/src/DowntimeQuorum.sol";
import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { IQuoteErrors } from "../../../contracts/src/interfaces/IQuoteErrors.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Errors } from "../../../contracts/src/libraries/Errors.sol";
import { Text } from "../../../contracts/src/libraries/Text.sol";
import { LeaseStatus, Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { StubPolicy } from "../support/StubPolicy.sol";
import { StubRegistry } from "../support/StubRegistry.sol";
import { vm } from "../support/Vm.sol";

/// @notice A token that answers what it is told to, and moves nothing.
contract SayingToken {
    bool public answer = true;

    function say(bool value) external {
        answer = value;
    }

    function approve(address, uint256) external view returns (bool) {
        return answer;
    }

    function transfer(address, uint256) external view returns (bool) {
        return answer;
    }

    function transferFrom(address, address, uint256) external view returns (bool) {
        return answer;
    }
}

/// @notice Behaviour by behaviour, as listed in LeaseEdges.tree.
contract LeaseEdgesTest is Fixture {
    StubRegistry internal stub;
    StubPolicy internal stubPolicy;

    // ------------------------------------------------------------------------------------------------ the desk

    function test_quote_refusesAPriceThatCannotBeStored() external {
        _hostile();
        Terms memory asked = terms();
        asked.maxPricePerHour = type(uint64).max;
        _refused(
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_PriceOutOfRange.selector, 0, 2 ** 48 - 1)
        );
        _policy(0, 8, 10_000, 2 ** 48, 0);
        _refused(
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_PriceOutOfRange.selector, 2 ** 48, 2 ** 48 - 1)
        );
        asked.deposit = 5_000_000_000_000;
        _policy(0, 8, 10_000, 2 ** 48 - 1, 0);
        fund(tenant, asked.deposit);
        assertEq(escrow.leaseOf(opened(asked)).pricePerHour, 2 ** 48 - 1, "the dearest there is");
    }

    function test_quote_holdsRegistryAndPolicyToTheCaps() external {
        _hostile();
        Terms memory asked = terms();
        _policy(1, 8, 10_000, 1000, 1501);
        _refused(asked, _aboveCap("platformBps", 1501, 1500));
        _policy(1, 13, 10_000, 1000, 1500);
        _refused(asked, _aboveCap("unitsPerVcpu", 13, 12));
        _policy(1, 12, 10_000, 1000, 1500);
        INodeRegistry.Offer memory offer = registry.offer(node);
        offer.minCharge = 301;
        stub.setOffer(node, offer);
        _refused(asked, _aboveCap("minCharge", 301, 300));
        (offer.minCharge, offer.relayBps) = (300, 2001);
        stub.setOffer(node, offer);
        _refused(asked, _aboveCap("relayBps", 2001, 2000));
        offer.relayBps = 2000;
        stub.setOffer(node, offer);
        opened(asked);
    }

    function test_quote_countsCapacityAsFarAsTheEscrowCan() external {
        _hostile();
        _policy(1, 12, 10_000, 1000, 0);
        INodeRegistry.Offer memory offer = registry.offer(node);
        (offer.capacity.memoryMiB, offer.capacity.pointUnits) = (2 ** 40, 2 ** 40);
        stub.setOffer(node, offer);
        Terms memory asked = terms();
        asked.memoryMiB = 2 ** 24 - 1;
        asked.maxPricePerHour = type(uint64).max;
        opened(asked);
        assertEq(escrow.inUse(node).memoryMiB, 2 ** 24 - 1, "in use");
    }

    function test_quote_fillsANodeToTheLastUnit() external {
        Terms memory asked = terms();
        asked.maxPricePerHour = type(uint64).max;
        // 96 units of 8 a vCPU, 32 GiB, 500 GiB, one GPU: all the node has.
        (asked.vcpus, asked.memoryMiB, asked.diskGiB, asked.gpus) = (12, 32_768, 500, 1);
        opened(asked);
        asked = terms();
        asked.salt = bytes32(uint256(1));
        (asked.vcpus, asked.memoryMiB, asked.diskGiB) = (1, 1, 1);
        _refused(
            asked,
            abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_NoCapacity.selector, node, "compute", 8, 0)
        );
    }

    function test_quote_takesTheLeastDepositToTheUnit() external {
        Terms memory asked = terms();
        // A minute, which is the node's minimum charge too.
        asked.deposit = uint64((PRICE * 60 + 3599) / 3600);
        opened(asked);
        asked.salt = bytes32(uint256(1));
        asked.deposit -= 1;
        _refused(
            asked,
            abi.encodeWithSelector(
                Errors.LeaseEscrow_DepositTooSmall.selector,
                asked.deposit,
                asked.deposit + 1
            )
        );
    }

    // ------------------------------------------------------------------------------------------------ leases

    function test_vested_ofAMomentBeforeAnyHoldBack() external {
        bytes32 leaseId = activated(terms());
        assertEq(escrow.vested(leaseId, 1), 0, "nothing");
    }

    function test_expire_notWhatRunsOrHasEnded() external {
        bytes32 leaseId = activated(terms());
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Active));
        escrow.expire(leaseId);
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Ended));
        escrow.expire(leaseId);
    }

    function test_credit_notWhatNeverRan() external {
        bytes32 leaseId = opened(terms());
        vm.prank(OPERATOR);
        vm.expectRevert(_wrongStatus(leaseId, LeaseStatus.Assigned));
        escrow.credit(leaseId, 1);
    }

    function test_credit_atMostTheHoldBackHoweverCheapTheLease() external {
        _hostile();
        // 40 µUSDC an hour: one unit is 90 seconds.
        _policy(0, 8, 10_000, 40, 0);
        Terms memory asked = terms();
        asked.holdBack = 10;
        bytes32 leaseId = activated(asked);
        forward(90);
        assertEq(escrow.due(leaseId, vm.getBlockTimestamp()), 1, "the first unit");
        vm.prank(OPERATOR);
        escrow.credit(leaseId, 90);
        assertEq(escrow.leaseOf(leaseId).credited, 10, "the hold-back");
    }

    function test_openStack_ofNothingAndFromTheBalance() external {
        vm.startPrank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.LeaseEscrow_BadStack.selector, 0, 0));
        escrow.openStack(new Terms[](0), new bytes[](0), false);
        escrow.deposit(2 * uint256(DEPOSIT) + 5);
        Terms[] memory stack = new Terms[](2);
        (stack[0], stack[1]) = (terms(), terms());
        stack[1].salt = bytes32(uint256(1));
        escrow.openStack(stack, new bytes[](2), true);
        vm.stopPrank();
        assertEq(escrow.balanceOf(tenant), 5, "the sum, once");
    }

    function test_open_forNobody() external {
        Terms memory asked = terms();
        (asked.tenant, asked.node) = (address(0), 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.LeaseEscrow_NotTenant.selector,
                escrow.leaseIdOf(asked),
                address(0),
                STRANGER
            )
        );
        vm.prank(STRANGER);
        escrow.open(asked, "");
    }

    // ------------------------------------------------------------------------------------------------ money

    function test_platform_hasAPayeeFromTheStart() external {
        bytes memory arguments = abi.encode(usdc, registry, policy, OWNER, address(0));
        vm.expectRevert(abi.encodeWithSelector(Errors.Ledger_BadRecipient.selector, address(0)));
        this.escrowOf(arguments);
    }

    function test_transfers_thatTheTokenRefusesWithoutAWord() external {
        SayingToken token = new SayingToken();
        LeaseEscrow other = LeaseEscrow(this.escrowOf(abi.encode(token, registry, policy, OWNER, PLATFORM)));
        vm.startPrank(tenant);
        other.deposit(1000);
        token.say(false);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_TransferFailed.selector, tenant, address(other), 1000)
        );
        other.deposit(1000);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Ledger_TransferFailed.selector, address(other), STRANGER, 400)
        );
        other.withdraw(STRANGER, 400);
        vm.stopPrank();
        assertEq(other.balanceOf(tenant), 1000, "nothing moved");
    }

    function test_close_toNobodyAsksNoTokenToPayNobody() external {
        SayingToken token = new SayingToken();
        escrow = LeaseEscrow(this.escrowOf(abi.encode(token, registry, policy, OWNER, PLATFORM)));
        bytes32 leaseId = opened(terms());
        vm.prank(tenant);
        escrow.close(leaseId, address(0));
        assertEq(escrow.balanceOf(tenant), DEPOSIT, "in the balance, though the token would have burnt it");
    }

    // ------------------------------------------------------------------------------------------------ the quorum

    function test_quorum_takesNoBadList() external {
        DowntimeQuorum quorum = DowntimeQuorum(address(escrow.QUORUM()));
        address[] memory list = new address[](3);
        (list[0], list[1], list[2]) = (address(1), address(2), address(3));
        vm.startPrank(OWNER);
        quorum.setAttesters(list, 3);
        address[] memory set = quorum.attesters();
        assertTrue(set.length == 3 && set[0] == address(1) && set[2] == address(3), "list");
        assertEq(quorum.quorum(), 3, "quorum");
        _badList(quorum, list, 1);
        _badList(quorum, list, 4);
        list[2] = address(1);
        _badList(quorum, list, 2);
        list[2] = address(0);
        _badList(quorum, list, 2);
        _badList(quorum, new address[](2), 2);
        vm.stopPrank();
        assertTrue(quorum.isAttester(address(2)) && !quorum.isAttester(address(0)), "as it was");
    }

    function testFuzz_text_comesOutWhole(bytes32 label) external pure {
        bytes memory text = bytes(Text.decode(label));
        for (uint256 i = 0; i < text.length; ++i) {
            require(text[i] == label[i] && label[i] != 0, "letter");
        }
        require(text.length == 32 || label[text.length] == 0, "length");
    }

    function test_text_of32Bytes() external pure {
        bytes memory text = bytes(Text.decode("a label that takes all 32 bytes!"));
        require(keccak256(text) == keccak256("a label that takes all 32 bytes!"), "whole");
        require(bytes(Text.decode(0)).length == 0, "empty");
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function escrowOf(bytes calldata arguments) external returns (address) {
        return deploy("LeaseEscrow", arguments);
    }

    /// @dev The escrow in front of a registry and a policy that say what the test wants.
    function _hostile() private {
        (stub, stubPolicy) = (new StubRegistry(), new StubPolicy());
        stub.setOffer(node, registry.offer(node));
        escrow = LeaseEscrow(
            deploy("LeaseEscrow", abi.encode(IERC20(address(usdc)), stub, stubPolicy, OWNER, PLATFORM))
        );
        fund(tenant, 0);
    }

    function _policy(uint64 price, uint256 units, uint256 multiplier, uint256 rate, uint256 cut) private {
        Prices memory prices = Prices({ point: price, memoryGiB: price, diskGiB: price, gpu: price });
        stubPolicy.set(prices, units, multiplier, rate, cut);
    }

    function _refused(Terms memory asked, bytes memory reason) private {
        vm.prank(asked.tenant);
        vm.expectRevert(reason);
        escrow.open(asked, "");
    }

    function _badList(DowntimeQuorum quorum, address[] memory list, uint256 needed) private {
        vm.expectRevert(
            abi.encodeWithSelector(Errors.DowntimeQuorum_BadList.selector, list.length, needed, 3, 2)
        );
        quorum.setAttesters(list, needed);
    }

    function _aboveCap(string memory figure, uint256 value, uint256 cap) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuoteErrors.LeaseEscrow_AboveCap.selector, figure, value, cap);
    }

    function _wrongStatus(bytes32 leaseId, LeaseStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.LeaseEscrow_WrongStatus.selector, leaseId, status);
    }
}
