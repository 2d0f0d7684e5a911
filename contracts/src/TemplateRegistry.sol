// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ITemplateRegistry } from "./interfaces/ITemplateRegistry.sol";
import { SatelliteErrors } from "./libraries/SatelliteErrors.sol";
import { Text } from "./libraries/Text.sol";

/// @title TemplateRegistry
/// @notice See the documentation in {ITemplateRegistry}.
contract TemplateRegistry is ITemplateRegistry {
    uint256 public constant MIN_SLUG_BYTES = 3;
    uint256 public constant MAX_SLUG_BYTES = 40;

    /// @notice µUSDC per deploy.
    uint256 public constant MAX_FEE = 1_000_000_000;
    uint256 public constant MAX_REFUND_WINDOW = 1 hours;
    uint256 public constant MAX_CONTENT_BYTES = 16_384;
    uint256 public constant MAX_URI_BYTES = 256;

    uint256 public constant MAX_VCPUS = 32;
    uint256 public constant MIN_MEMORY_MIB = 256;

    /// @notice No lease can be larger than the escrow's fields: nor can what a template asks for.
    uint256 public constant MAX_MEMORY_MIB = type(uint24).max;
    uint256 public constant MAX_DISK_GIB = type(uint16).max;

    /// @dev One slot and, while an author is proposed, a second one.
    struct Head {
        address author;
        uint32 versions;
        bool archived;
        address pendingAuthor;
    }

    /// @dev Two slots; an offer reads the first.
    struct Record {
        uint32 fee;
        uint16 refundWindow;
        uint8 vcpus;
        uint8 gpus;
        uint24 memoryMiB;
        uint16 diskGiB;
        uint40 publishedIn;
        bool archived;
        bytes32 contentHash;
    }

    /// @inheritdoc ITemplateRegistry
    uint32 public override templateCount;

    mapping(bytes32 slugHash => uint32) private _indexes;
    mapping(uint32 template => string) private _slugs;
    mapping(uint32 template => Head) private _heads;
    mapping(uint32 template => mapping(uint32 version => Record)) private _records;
    mapping(uint32 template => mapping(bytes32 contentHash => uint32)) private _versions;

    // ------------------------------------------------------------------------------------------------ read-only

    /// @inheritdoc ITemplateRegistry
    function indexOf(string calldata slug) external view override returns (uint32) {
        return _indexes[keccak256(bytes(slug))];
    }

    /// @inheritdoc ITemplateRegistry
    function templateAt(uint32 template) external view override returns (Template memory) {
        Head storage head = _heads[template];
        return
            Template({
                slug: _slugs[template],
                author: head.author,
                pendingAuthor: head.pendingAuthor,
                versions: head.versions,
                archived: head.archived
            });
    }

    /// @inheritdoc ITemplateRegistry
    function templateOffer(uint32 template, uint32 version) external view override returns (Offer memory) {
        Head storage head = _heads[template];
        Record storage record = _records[template][version];
        return
            Offer({
                author: head.author,
                active: record.publishedIn != 0 && !record.archived && !head.archived,
                fee: record.fee,
                refundWindow: record.refundWindow,
                minimum: _minimum(record)
            });
    }

    /// @inheritdoc ITemplateRegistry
    function versionAt(uint32 template, uint32 version) external view override returns (Version memory) {
        Record storage record = _records[template][version];
        return
            Version({
                contentHash: record.contentHash,
                fee: record.fee,
                refundWindow: record.refundWindow,
                minimum: _minimum(record),
                publishedIn: record.publishedIn,
                archived: record.archived
            });
    }

    /// @inheritdoc ITemplateRegistry
    function versionOf(uint32 template, bytes32 contentHash) external view override returns (uint32) {
        return _versions[template][contentHash];
    }

    // ------------------------------------------------------------------------------------------------ state-changing

    /// @inheritdoc ITemplateRegistry
    function acceptAuthor(uint32 template) external override {
        Head storage head = _heads[template];
        address pending = head.pendingAuthor;
        if (pending == address(0) || msg.sender != pending) {
            revert SatelliteErrors.TemplateRegistry_NotPendingAuthor({
                template: template,
                pendingAuthor: pending,
                caller: msg.sender
            });
        }
        delete head.pendingAuthor;
        head.author = pending;
        emit AuthorChanged({ template: template, author: pending });
    }

    /// @inheritdoc ITemplateRegistry
    function create(string calldata slug, Draft calldata draft) external override returns (uint32 template) {
        _requireSlug(slug);
        bytes32 slugHash = keccak256(bytes(slug));
        uint32 taken = _indexes[slugHash];
        if (taken != 0) revert SatelliteErrors.TemplateRegistry_SlugTaken({ slug: slug, template: taken });
        template = ++templateCount;
        _indexes[slugHash] = template;
        _slugs[template] = slug;
        _heads[template].author = msg.sender;
        emit TemplateCreated({ template: template, author: msg.sender, slug: slug });
        _publish(template, draft);
    }

    /// @inheritdoc ITemplateRegistry
    function proposeAuthor(uint32 template, address proposed) external override {
        _requireAuthor(template).pendingAuthor = proposed;
        emit AuthorProposed({ template: template, author: msg.sender, proposed: proposed });
    }

    /// @inheritdoc ITemplateRegistry
    function publish(uint32 template, Draft calldata draft) external override returns (uint32 version) {
        _requireAuthor(template);
        version = _publish(template, draft);
    }

    /// @inheritdoc ITemplateRegistry
    function setArchived(uint32 template, bool archived) external override {
        _requireAuthor(template).archived = archived;
        emit TemplateArchivedChanged({ template: template, archived: archived });
    }

    /// @inheritdoc ITemplateRegistry
    function setVersionArchived(uint32 template, uint32 version, bool archived) external override {
        _requireAuthor(template);
        Record storage record = _records[template][version];
        if (record.publishedIn == 0) {
            revert SatelliteErrors.TemplateRegistry_UnknownVersion({ template: template, version: version });
        }
        record.archived = archived;
        emit VersionArchivedChanged({ template: template, version: version, archived: archived });
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _minimum(Record storage record) private view returns (MinimumSpec memory) {
        return
            MinimumSpec({
                vcpus: record.vcpus,
                gpus: record.gpus,
                memoryMiB: record.memoryMiB,
                diskGiB: record.diskGiB
            });
    }

    function _publish(uint32 template, Draft calldata draft) private returns (uint32 version) {
        _requireContent(draft);
        _requireWithin("fee", draft.fee, 0, MAX_FEE);
        _requireWithin("refundWindow", draft.refundWindow, 0, MAX_REFUND_WINDOW);
        _requireWithin("vcpus", draft.minimum.vcpus, 1, MAX_VCPUS);
        _requireWithin("memoryMiB", draft.minimum.memoryMiB, MIN_MEMORY_MIB, MAX_MEMORY_MIB);
        _requireWithin("diskGiB", draft.minimum.diskGiB, 1, MAX_DISK_GIB);
        version = ++_heads[template].versions;
        _versions[template][draft.contentHash] = version;
        // Each cast is within the bound just checked.
        _records[template][version] = Record({
            fee: uint32(draft.fee),
            refundWindow: uint16(draft.refundWindow),
            vcpus: uint8(draft.minimum.vcpus),
            gpus: draft.minimum.gpus,
            memoryMiB: uint24(draft.minimum.memoryMiB),
            diskGiB: uint16(draft.minimum.diskGiB),
            publishedIn: uint40(block.number),
            archived: false,
            contentHash: draft.contentHash
        });
        emit VersionPublished({
            template: template,
            version: version,
            contentHash: draft.contentHash,
            fee: draft.fee,
            refundWindow: draft.refundWindow,
            minimum: draft.minimum,
            content: draft.content,
            uri: draft.uri
        });
    }

    function _requireAuthor(uint32 template) private view returns (Head storage head) {
        head = _heads[template];
        address author = head.author;
        if (author == address(0))
            revert SatelliteErrors.TemplateRegistry_UnknownTemplate({ template: template });
        if (msg.sender != author) {
            revert SatelliteErrors.TemplateRegistry_NotAuthor({
                template: template,
                author: author,
                caller: msg.sender
            });
        }
    }

    /// @dev Inline content is hashed here, so its hash is true; what lies behind a URI is checked by whoever fetches it.
    function _requireContent(Draft calldata draft) private pure {
        uint256 uriBytes = bytes(draft.uri).length;
        if (draft.content.length == 0) {
            _requireWithin("uri", uriBytes, 1, MAX_URI_BYTES);
            _requireWithin("contentHash", uint256(draft.contentHash), 1, type(uint256).max);
            return;
        }
        if (uriBytes != 0) revert SatelliteErrors.TemplateRegistry_ContentAndUri();
        _requireWithin("content", draft.content.length, 1, MAX_CONTENT_BYTES);
        bytes32 actual = keccak256(draft.content);
        if (actual != draft.contentHash) {
            revert SatelliteErrors.TemplateRegistry_HashMismatch({
                contentHash: draft.contentHash,
                actual: actual
            });
        }
    }

    function _requireSlug(string calldata slug) private pure {
        bytes calldata text = bytes(slug);
        bool good = text.length >= MIN_SLUG_BYTES && text.length <= MAX_SLUG_BYTES;
        for (uint256 i = 0; good && i < text.length; ++i) {
            bytes1 char = text[i];
            good = (char >= "a" && char <= "z") || (char >= "0" && char <= "9") || char == "-";
        }
        if (!good) revert SatelliteErrors.TemplateRegistry_BadSlug({ slug: slug });
    }

    function _requireWithin(bytes32 field, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert SatelliteErrors.TemplateRegistry_FieldOutOfRange({
                field: Text.decode(field),
                value: value,
                minimum: minimum,
                maximum: maximum
            });
        }
    }
}
