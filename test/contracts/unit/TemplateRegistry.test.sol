// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { Assertions } from "../support/Assertions.sol";
import { deploy } from "../support/Deploy.sol";
import { vm } from "../support/Vm.sol";
import { vmEvents } from "../support/VmEvents.sol";

/// @notice TemplateRegistry, as listed in TemplateRegistry.tree.
contract TemplateRegistryTest is Assertions {
    address internal constant AUTHOR = address(0xA07);
    address internal constant HEIR = address(0xA08);
    address internal constant STRANGER = address(0xC11);

    TemplateRegistry internal templates;
    uint32 internal redis;

    function setUp() public {
        templates = TemplateRegistry(deploy("TemplateRegistry", ""));
        vmEvents.roll(100);
        vm.prank(AUTHOR);
        redis = templates.create("redis", _draft("one"));
    }

    function test_create_keepsSlugAuthorAndFirstVersion() external {
        ITemplateRegistry.Draft memory draft = _draft("two");
        vmEvents.roll(123);
        vm.prank(HEIR);
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.TemplateCreated({ template: 2, author: HEIR, slug: "a-9" });
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.VersionPublished(
            2,
            1,
            keccak256("two"),
            draft.fee,
            draft.refundWindow,
            draft.minimum,
            "two",
            ""
        );
        assertEq(templates.create("a-9", draft), 2, "index");
        assertEq(templates.templateCount(), 2, "count");
        assertEq(templates.indexOf("a-9"), 2, "index of the slug");
        assertEq(templates.indexOf("a-8"), 0, "index of no slug");
        ITemplateRegistry.Template memory head = templates.templateAt(2);
        assertTrue(keccak256(bytes(head.slug)) == keccak256("a-9"), "slug");
        assertTrue(head.author == HEIR && head.pendingAuthor == address(0) && !head.archived, "author");
        assertEq(head.versions, 1, "versions");
        ITemplateRegistry.Version memory version = templates.versionAt(2, 1);
        assertTrue(version.contentHash == keccak256("two") && !version.archived, "content");
        assertEq(version.publishedIn, 123, "block");
        _assertDraft(version.fee, version.refundWindow, version.minimum, draft);
    }

    function test_create_refusesABadSlug() external {
        string[9] memory bad = ["", "ab", "Redis", "re dis", "re_dis", "redis/", "red`s", "re{is", "re:is"];
        for (uint256 i = 0; i < bad.length; ++i) {
            _refuseSlug(bad[i]);
        }
        _refuseSlug("abcdefghijklmnopqrstuvwxyz0123456789-abcd");
        vm.prank(AUTHOR);
        assertEq(templates.create("abcdefghijklmnopqrstuvwxyz0123456789-abc", _draft("x")), 2, "40 bytes");
        vm.prank(AUTHOR);
        assertEq(templates.create("a0z", _draft("x")), 3, "3 bytes");
    }

    /// @notice Against the definition, one byte at a time, for every byte there is.
    function testFuzz_create_acceptsExactlyTheSlugAlphabet(bytes1 char, uint8 place, uint8 length) external {
        bytes memory slug = new bytes(bound(length, 3, 40));
        for (uint256 i = 0; i < slug.length; ++i) slug[i] = "m";
        slug[place % slug.length] = char;
        uint8 code = uint8(char);
        bool good = code == 45 || (code >= 48 && code <= 57) || (code >= 97 && code <= 122);
        vm.prank(AUTHOR);
        try templates.create(string(slug), _draft("x")) {
            assertTrue(good, "accepted");
        } catch {
            assertTrue(!good, "refused");
        }
    }

    function test_create_refusesATakenSlug() external {
        bytes memory reason = abi.encodeWithSelector(
            SatelliteErrors.TemplateRegistry_SlugTaken.selector,
            "redis",
            redis
        );
        vm.prank(STRANGER);
        vm.expectRevert(reason);
        templates.create("redis", _draft("x"));
        vm.prank(AUTHOR);
        vm.expectRevert(reason);
        templates.create("redis", _draft("x"));
    }

    function test_publish_addsAVersionAndTouchesNoEarlierOne() external {
        ITemplateRegistry.Draft memory draft = _draft("");
        draft.contentHash = keccak256("large");
        draft.uri = "ipfs://large";
        draft.fee = 1_000_000_000;
        draft.refundWindow = 3600;
        draft.minimum = ITemplateRegistry.MinimumSpec(32, 255, type(uint24).max, type(uint16).max);
        vm.prank(AUTHOR);
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.VersionPublished(
            redis,
            2,
            keccak256("large"),
            draft.fee,
            draft.refundWindow,
            draft.minimum,
            "",
            "ipfs://large"
        );
        assertEq(templates.publish(redis, draft), 2, "version");
        assertEq(templates.templateAt(redis).versions, 2, "versions");
        _assertOffer(1, _draft("one"), true);
        _assertOffer(2, draft, true);
    }

    function test_publish_isTheAuthorsOfAKnownTemplate() external {
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_UnknownTemplate.selector, uint32(9))
        );
        templates.publish(9, _draft("x"));
        _expectNotAuthor(STRANGER);
        templates.publish(redis, _draft("x"));
    }

    function test_publish_refusesContentThatIsNotWhatItSays() external {
        ITemplateRegistry.Draft memory draft = _draft("x");
        draft.contentHash = keccak256("y");
        _refuse(
            draft,
            abi.encodeWithSelector(
                SatelliteErrors.TemplateRegistry_HashMismatch.selector,
                keccak256("y"),
                keccak256("x")
            )
        );
        draft = _draft("x");
        draft.uri = "ipfs://x";
        _refuse(draft, abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_ContentAndUri.selector));
        draft = _draft(new bytes(16_385));
        _refuse(draft, _field("content", 16_385, 1, 16_384));
        draft = _draft("");
        _refuse(draft, _field("uri", 0, 1, 256));
        draft.uri = string(new bytes(257));
        _refuse(draft, _field("uri", 257, 1, 256));
        draft.uri = "ipfs://x";
        draft.contentHash = 0;
        _refuse(draft, _field("contentHash", 0, 1, type(uint256).max));
    }

    function test_publish_takesTheLargestContentAndUri() external {
        vm.startPrank(AUTHOR);
        templates.publish(redis, _draft(new bytes(16_384)));
        ITemplateRegistry.Draft memory draft = _draft("");
        draft.uri = string(new bytes(256));
        assertEq(templates.publish(redis, draft), 3, "version");
        vm.stopPrank();
    }

    function test_publish_refusesFieldsOutOfRange() external {
        ITemplateRegistry.Draft memory draft = _draft("x");
        draft.fee = 1_000_000_001;
        _refuse(draft, _field("fee", 1_000_000_001, 0, 1_000_000_000));
        draft = _draft("x");
        draft.refundWindow = 3601;
        _refuse(draft, _field("refundWindow", 3601, 0, 3600));
        _refuseMinimum(0, 256, 1, _field("vcpus", 0, 1, 32));
        _refuseMinimum(33, 256, 1, _field("vcpus", 33, 1, 32));
        _refuseMinimum(1, 255, 1, _field("memoryMiB", 255, 256, type(uint24).max));
        _refuseMinimum(1, 1 << 24, 1, _field("memoryMiB", 1 << 24, 256, type(uint24).max));
        _refuseMinimum(1, 256, 0, _field("diskGiB", 0, 1, type(uint16).max));
        _refuseMinimum(1, 256, 1 << 16, _field("diskGiB", 1 << 16, 1, type(uint16).max));
        draft = _draft("x");
        draft.fee = 0;
        draft.refundWindow = 0;
        draft.minimum = ITemplateRegistry.MinimumSpec(1, 0, 256, 1);
        vm.prank(AUTHOR);
        templates.publish(redis, draft);
        _assertOffer(2, draft, true);
    }

    function test_templateOffer_isZerosForWhatDoesNotExist() external view {
        ITemplateRegistry.Offer memory offer = templates.templateOffer(9, 1);
        assertTrue(offer.author == address(0) && !offer.active, "unknown template");
        assertTrue(!templates.templateOffer(redis, 0).active, "version 0");
        assertTrue(!templates.templateOffer(redis, 2).active, "version to come");
        assertEq(templates.templateOffer(redis, 2).minimum.vcpus, 0, "its spec");
    }

    function test_versionOf_isTheNewestWithThatContent() external {
        assertEq(templates.versionOf(redis, keccak256("one")), 1, "first");
        assertEq(templates.versionOf(redis, keccak256("two")), 0, "none");
        assertEq(templates.versionOf(9, keccak256("one")), 0, "another template");
        vm.startPrank(AUTHOR);
        templates.publish(redis, _draft("two"));
        templates.publish(redis, _draft("one"));
        vm.stopPrank();
        assertEq(templates.versionOf(redis, keccak256("one")), 3, "again");
        assertEq(templates.versionOf(redis, keccak256("two")), 2, "between");
    }

    function test_setArchived_takesAllVersionsOffAndBack() external {
        vm.startPrank(AUTHOR);
        templates.publish(redis, _draft("two"));
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.TemplateArchivedChanged({ template: redis, archived: true });
        templates.setArchived(redis, true);
        vm.stopPrank();
        _assertOffer(1, _draft("one"), false);
        _assertOffer(2, _draft("two"), false);
        assertTrue(templates.templateAt(redis).archived, "archived");
        vm.prank(AUTHOR);
        templates.setArchived(redis, false);
        _assertOffer(2, _draft("two"), true);
        _expectNotAuthor(STRANGER);
        templates.setArchived(redis, true);
    }

    function test_setVersionArchived_takesOneOffAndBack() external {
        vm.startPrank(AUTHOR);
        templates.publish(redis, _draft("two"));
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.VersionArchivedChanged({ template: redis, version: 1, archived: true });
        templates.setVersionArchived(redis, 1, true);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_UnknownVersion.selector, redis, uint32(3))
        );
        templates.setVersionArchived(redis, 3, true);
        vm.stopPrank();
        _assertOffer(1, _draft("one"), false);
        _assertOffer(2, _draft("two"), true);
        assertTrue(templates.versionAt(redis, 1).archived, "archived");
        vm.prank(AUTHOR);
        templates.setVersionArchived(redis, 1, false);
        _assertOffer(1, _draft("one"), true);
        _expectNotAuthor(STRANGER);
        templates.setVersionArchived(redis, 1, true);
    }

    function test_author_changesInTwoSteps() external {
        _expectNotAuthor(HEIR);
        templates.proposeAuthor(redis, HEIR);
        vm.prank(AUTHOR);
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.AuthorProposed({ template: redis, author: AUTHOR, proposed: HEIR });
        templates.proposeAuthor(redis, HEIR);
        assertTrue(templates.templateAt(redis).pendingAuthor == HEIR, "pending");
        assertTrue(templates.templateOffer(redis, 1).author == AUTHOR, "not yet");
        _expectNotPending(HEIR, STRANGER);
        templates.acceptAuthor(redis);
        vm.prank(HEIR);
        vmEvents.expectEmit(address(templates));
        emit ITemplateRegistry.AuthorChanged({ template: redis, author: HEIR });
        templates.acceptAuthor(redis);
        assertTrue(templates.templateOffer(redis, 1).author == HEIR, "now");
        assertTrue(templates.templateAt(redis).pendingAuthor == address(0), "nobody pending");
        _expectNotPending(address(0), HEIR);
        templates.acceptAuthor(redis);
        vm.prank(AUTHOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_NotAuthor.selector, redis, HEIR, AUTHOR)
        );
        templates.publish(redis, _draft("x"));
    }

    function test_author_proposalCanBeWithdrawn() external {
        vm.startPrank(AUTHOR);
        templates.proposeAuthor(redis, HEIR);
        templates.proposeAuthor(redis, address(0));
        vm.stopPrank();
        _expectNotPending(address(0), HEIR);
        templates.acceptAuthor(redis);
        _expectNotPending(address(0), address(0));
        templates.acceptAuthor(redis);
    }

    // ------------------------------------------------------------------------------------------------ helpers

    function _draft(bytes memory content) private pure returns (ITemplateRegistry.Draft memory) {
        return
            ITemplateRegistry.Draft({
                fee: 50_000,
                refundWindow: 600,
                minimum: ITemplateRegistry.MinimumSpec({ vcpus: 2, gpus: 1, memoryMiB: 2048, diskGiB: 20 }),
                contentHash: keccak256(content),
                content: content,
                uri: ""
            });
    }

    function _assertOffer(uint32 version, ITemplateRegistry.Draft memory draft, bool active) private view {
        ITemplateRegistry.Offer memory offer = templates.templateOffer(redis, version);
        assertTrue(offer.author == AUTHOR, "author");
        assertTrue(offer.active == active, "active");
        _assertDraft(offer.fee, offer.refundWindow, offer.minimum, draft);
    }

    function _assertDraft(
        uint256 fee,
        uint256 refundWindow,
        ITemplateRegistry.MinimumSpec memory minimum,
        ITemplateRegistry.Draft memory draft
    ) private pure {
        assertEq(fee, draft.fee, "fee");
        assertEq(refundWindow, draft.refundWindow, "refund window");
        assertTrue(keccak256(abi.encode(minimum)) == keccak256(abi.encode(draft.minimum)), "minimum");
    }

    function _expectNotAuthor(address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_NotAuthor.selector, redis, AUTHOR, caller)
        );
    }

    function _expectNotPending(address pending, address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(
                SatelliteErrors.TemplateRegistry_NotPendingAuthor.selector,
                redis,
                pending,
                caller
            )
        );
    }

    function _refuse(ITemplateRegistry.Draft memory draft, bytes memory reason) private {
        vm.prank(AUTHOR);
        vm.expectRevert(reason);
        templates.publish(redis, draft);
    }

    function _refuseMinimum(uint16 vcpus, uint32 memoryMiB, uint32 diskGiB, bytes memory reason) private {
        ITemplateRegistry.Draft memory draft = _draft("x");
        draft.minimum = ITemplateRegistry.MinimumSpec(vcpus, 0, memoryMiB, diskGiB);
        _refuse(draft, reason);
    }

    function _refuseSlug(string memory slug) private {
        vm.prank(AUTHOR);
        vm.expectRevert(abi.encodeWithSelector(SatelliteErrors.TemplateRegistry_BadSlug.selector, slug));
        templates.create(slug, _draft("x"));
    }

    function _field(
        string memory field,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                SatelliteErrors.TemplateRegistry_FieldOutOfRange.selector,
                field,
                value,
                minimum,
                maximum
            );
    }
}
